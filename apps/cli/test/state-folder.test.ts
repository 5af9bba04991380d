import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readStateFile, StateFolder } from '../src/state-folder.ts'

const cwd = mkdtempSync(join(tmpdir(), 'freshet-state-'))
afterAll(() => rmSync(cwd, { recursive: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test('secrets are created once, long, and readable only by their owner', () => {
  const state = StateFolder.kept(cwd)
  const secret = state.secret('token-secret')
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(StateFolder.kept(cwd).secret('token-secret')).toBe(secret)
  expect(state.secret('other')).not.toBe(secret)
  expect([modeOf(state.path), modeOf(state.file('token-secret'))]).toEqual(['700', '600'])
  expect(readStateFile({ cwd }, 'token-secret')).toBe(secret)
})

test('a file that others could read becomes private when it is written', () => {
  const state = StateFolder.kept(cwd)
  writeFileSync(state.file('token'), 'old', { mode: 0o644 })
  state.write('token', 'new')
  expect([modeOf(state.file('token')), state.read('token')]).toEqual(['600', 'new'])
})

test('close deletes a temporary directory and keeps a permanent one', () => {
  const temporary = StateFolder.temporary()
  temporary.secret('a')
  temporary.close()
  expect(existsSync(temporary.path)).toBe(false)
  const kept = StateFolder.kept(cwd)
  kept.close()
  expect(existsSync(kept.path)).toBe(true)
})

const asRoot = process.getuid?.() === 0 ? ['of another user'] : []
if (asRoot.length === 0)
  process.stderr.write('Skipped, since only root can create a directory of another user\n')

test.each(['a link', 'a file', ...asRoot])('a .freshet that is %s is not used', (what) => {
  const here = mkdtempSync(join(cwd, 'here-'))
  const elsewhere = mkdtempSync(join(cwd, 'elsewhere-'))
  const path = join(here, '.freshet')
  if (what === 'a link') symlinkSync(elsewhere, path)
  else if (what === 'a file') writeFileSync(path, '')
  else {
    mkdirSync(path)
    chownSync(path, 12_345, 12_345)
  }
  expect(() => StateFolder.kept(here)).toThrow(/^NOT_OURS: \S+\.freshet (is|belongs) .* Move it away/)
  expect(readdirSync(elsewhere)).toEqual([])
})

test('a .freshet that others can access becomes private', () => {
  const here = mkdtempSync(join(cwd, 'here-'))
  mkdirSync(join(here, '.freshet'), { mode: 0o755 })
  expect(modeOf(StateFolder.kept(here).path)).toBe('700')
})

test('only one run at a time can claim a directory', () => {
  const [first, second] = [StateFolder.kept(cwd), StateFolder.kept(cwd)]
  expect([first.claim(), first.claim(), second.claim()]).toEqual([true, true, false])
  first.close()
  expect(second.claim()).toBe(true)
  second.release()
})

test('a file is not written through a link', () => {
  const state = StateFolder.kept(cwd)
  const target = join(cwd, 'target')
  writeFileSync(target, 'old')
  symlinkSync(target, state.file('linked'))
  state.write('linked', 'new')
  expect([readFileSync(target, 'utf8'), state.read('linked')]).toEqual(['old', 'new'])
})
