import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readStateFile, StateFolder } from '../src/state-folder.ts'

const cwd = mkdtempSync(join(tmpdir(), 'freshet-state-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test('secrets are made once, kept, long, and only their owner can read them', () => {
  const state = StateFolder.kept(cwd)
  const secret = state.secret('token-secret')
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(StateFolder.kept(cwd).secret('token-secret')).toBe(secret)
  expect(state.secret('other')).not.toBe(secret)
  expect([modeOf(state.path), modeOf(state.file('token-secret'))]).toEqual(['700', '600'])
  expect(readStateFile({ cwd }, 'token-secret')).toBe(secret)
})

test('a file that others could read before is closed to them when it is written', () => {
  const state = StateFolder.kept(cwd)
  writeFileSync(state.file('token'), 'old', { mode: 0o644 })
  state.write('token', 'new')
  expect([modeOf(state.file('token')), state.read('token')]).toEqual(['600', 'new'])
})

test('a temporary folder is gone after close, a kept one stays', () => {
  const temporary = StateFolder.temporary()
  temporary.secret('a')
  temporary.close()
  expect(existsSync(temporary.path)).toBe(false)
  const kept = StateFolder.kept(cwd)
  kept.close()
  expect(existsSync(kept.path)).toBe(true)
})
