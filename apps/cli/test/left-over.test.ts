import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { FileLock } from '../src/file-lock.ts'
import { Program } from './support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-left-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A temporary directory, next to someone else's directory. */
function openPlace() {
  const place = mkdtempSync(join(folder, 'place-'))
  const [temporary, precious] = [join(place, 'tmp'), join(place, 'precious')]
  mkdirSync(temporary)
  chmodSync(temporary, 0o1777)
  mkdirSync(join(precious, 'data'), { recursive: true, mode: 0o700 })
  chmodSync(precious, 0o700)
  for (const name of ['pid', 'lock', 'letter', 'data/letter']) writeFileSync(join(precious, name), '999999')
  return {
    temporary,
    precious,
    /** Creates what a killed run of any version leaves behind, plus `files`. */
    leave: (name: string, files: readonly string[] = ['lock']): string => {
      const path = join(temporary, name)
      mkdirSync(join(path, 'data'), { recursive: true, mode: 0o700 })
      chmodSync(path, 0o700)
      for (const file of ['pid', 'token-secret', 'data/mongod.lock', ...files])
        writeFileSync(join(path, file), '999999')
      return path
    },
    whole: () =>
      ['pid', 'lock', 'letter', 'data/letter'].every(
        (name) => readFileSync(join(precious, name), 'utf8') === '999999',
      ),
  }
}

/** Runs `freshet dev`, which removes leftovers and then fails because there is nothing to run. */
async function start(temporary: string, ...args: readonly string[]) {
  await using dev = new Program(['dev', '--port=0', '--collections=/nowhere', ...args], undefined, {
    env: { TMPDIR: temporary },
  })
  return await dev.outcome
}

test('files of a killed run are removed, and targets of links in them are kept', async () => {
  const { temporary, precious, leave, whole } = openPlace()
  const left = leave('freshet-dev-left')
  rmSync(join(left, 'data'), { recursive: true })
  mkdirSync(join(left, 'logs', 'deep'), { recursive: true })
  for (const name of ['data', 'logs/deep/link', 'link']) symlinkSync(precious, join(left, name))
  symlinkSync(join(precious, 'letter'), join(left, 'token'))
  await start(temporary)
  expect([readdirSync(temporary), whole()]).toEqual([[], true])
})

test('a link with such a name and its target are kept', async () => {
  const { temporary, precious, whole } = openPlace()
  symlinkSync(precious, join(temporary, 'freshet-dev-x'))
  await start(temporary)
  expect([readdirSync(temporary), whole()]).toEqual([['freshet-dev-x'], true])
})

test('a directory that no run created is kept: without a lock file, with a link instead, or accessible to others', async () => {
  const { temporary, precious, leave, whole } = openPlace()
  const paths = [leave('freshet-dev-named', []), leave('freshet-dev-linked', []), leave('freshet-dev-open')]
  symlinkSync(join(precious, 'lock'), join(temporary, 'freshet-dev-linked', 'lock'))
  chmodSync(join(temporary, 'freshet-dev-open'), 0o750)
  await start(temporary)
  expect(paths.map((path) => existsSync(join(path, 'token-secret')))).toEqual([true, true, true])
  expect(whole()).toBe(true)
})

test('a directory whose run or server is active is kept', async () => {
  const { temporary, leave } = openPlace()
  const [run, server] = [leave('freshet-dev-run'), leave('freshet-dev-server')]
  {
    using ofRun = FileLock.take(join(run, 'lock'))
    using ofServer = FileLock.take(join(server, 'data', 'mongod.lock'))
    expect([ofRun, ofServer]).not.toContain(undefined)
    await start(temporary)
  }
  expect(readdirSync(temporary).sort()).toEqual(['freshet-dev-run', 'freshet-dev-server'])
  await start(temporary)
  expect(readdirSync(temporary)).toEqual([])
})

const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('Skipped, since only root can create a directory of another user\n')
const asRoot = isRoot ? test : test.skip
asRoot('a directory of another user is left alone, even by root', async () => {
  const { temporary, leave } = openPlace()
  chownSync(leave('freshet-dev-others'), 12_345, 12_345)
  await start(temporary)
  expect(readdirSync(temporary)).toEqual(['freshet-dev-others'])
})

test('nothing is deleted where others could replace it', async () => {
  const { temporary, leave } = openPlace()
  leave('freshet-dev-left')
  chmodSync(temporary, 0o777)
  await start(temporary)
  expect(readdirSync(temporary)).toEqual(['freshet-dev-left'])
})

test.each(['missing', 'a file'])('a TMPDIR that is %s is reported with a remedy', async (what) => {
  const { precious } = openPlace()
  const path = join(precious, what === 'missing' ? 'missing' : 'letter')
  const { code, said } = await start(path, '--ephemeral')
  expect({ code, said }).toEqual({
    code: 78,
    said: expect.stringMatching(
      new RegExp(`^freshet dev: NO_TEMPORARY_FOLDER: no directory could be created in ${path} .* set TMPDIR`),
    ),
  })
  // It is not checked unless it is needed.
  expect((await start(path)).said).toContain('/nowhere')
})
