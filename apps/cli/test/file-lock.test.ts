import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { FileLock } from '../src/file-lock.ts'
import { lockers, lockOpenFile } from '../src/lock-open-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))
/** Opens a file again, as another process would. */
const opened = (name: string): number => openSync(join(folder, name), 'a+')

test.each(lockers)('%s locks a file once, and closing it releases the lock', (...locker) => {
  const [first, second] = [opened(`by-${locker[0]}`), opened(`by-${locker[0]}`)]
  expect([lockOpenFile(first, [locker]), lockOpenFile(second, [locker])]).toEqual([true, false])
  // Each program respects the others' locks.
  expect(lockOpenFile(second)).toBe(false)
  closeSync(first)
  expect(lockOpenFile(second, [locker])).toBe(true)
  closeSync(second)
})

test('a missing program is skipped; if all are missing or one fails, the reason is reported', () => {
  const file = opened('some')
  expect(lockOpenFile(file, [['no-such-program'], ...lockers])).toBe(true)
  expect(() => lockOpenFile(file, [['no-such-program']])).toThrow(
    /^NO_LOCKS: .*: no-such-program\. .*util-linux/,
  )
  expect(() => lockOpenFile(file, [['sh', '-c', 'echo no locks here >&2; exit 1']])).toThrow(
    'NO_LOCKS: sh could not lock a file: no locks here.',
  )
  closeSync(file)
})

test('a lock is exclusive, visible, and free after release', () => {
  const file = join(folder, 'file')
  expect(FileLock.isHeld(file)).toBe(false)
  const lock = FileLock.take(file)
  expect([FileLock.isHeld(file), FileLock.take(file)]).toEqual([true, undefined])
  lock?.release()
  expect(FileLock.isHeld(file)).toBe(false)
  using again = FileLock.take(file)
  expect(again).toBeDefined()
})

test('a lock file deleted by its holder is not locked', () => {
  const file = join(folder, 'deleted')
  using lock = FileLock.take(file)
  rmSync(file)
  using next = FileLock.take(file)
  expect([lock === undefined, next === undefined]).toEqual([false, false])
})

test('links are not followed', () => {
  const target = join(folder, 'target')
  writeFileSync(target, '')
  symlinkSync(target, join(folder, 'link'))
  expect(() => FileLock.take(join(folder, 'link'))).toThrow('ELOOP')
})

test('the lock of a killed process is released, even if its children are running', async () => {
  const file = join(folder, 'killed')
  writeFileSync(file, '')
  const hold = `exec 3<'${file}'; flock 3; sleep 60 3<&- & echo held; exec sleep 60`
  const holder = spawn('sh', ['-c', hold], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  await once(holder.stdout, 'data')
  expect(FileLock.isHeld(file)).toBe(true)
  holder.kill('SIGKILL')
  await eventually(() => expect(FileLock.isHeld(file)).toBe(false))
  process.kill(-(holder.pid ?? 0), 'SIGKILL')
})
