import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { credentialsOf, withCredentials } from '@freshet/migration'
import { findMongod } from '@freshet/mongod'
import { MongoClient } from 'mongodb'
import { openTestDatabase } from '@freshet/testkit'
import { runProgram } from '../src/program.ts'

const db = await openTestDatabase()
afterAll(() => db[Symbol.asyncDispose]())
const collections = join(import.meta.dirname, '../../../collections')

const freshet = (...argv: string[]) => freshetOn(db.adminUri, ...argv)

async function freshetOn(uri: string, ...argv: string[]) {
  let printed = ''
  const code = await runProgram(argv, {
    env: { FRESHET_DB: uri },
    cwd: '/nowhere',
    clock: systemClock,
    readFile: (path) => readFileSync(path, 'utf8'),
    print: (text) => (printed += text),
    say: (text) => (printed += text),
    stopped: new AbortController().signal,
  })
  return { code, printed }
}

const timeline = async (database: string) => {
  const control = db.admin.db(database).collection<{ _id: string; timeline?: string }>('freshet')
  return (await control.findOne({ _id: 'source' }))?.timeline
}

test('migrate prints its changes and the addresses of new users once; the second run has nothing to do', async () => {
  const options = [`--collections=${collections}`, '--database=fresh']
  const { code, printed } = await freshet('migrate', ...options, '--json')
  expect(code).toBe(0)
  const { changes, addresses } = JSON.parse(printed)
  expect(changes).toContain('collection fresh.products')
  expect(addresses['freshet-writer']).toMatch(/^mongodb:\/\/freshet-writer:.*\/fresh\?/)
  expect(await freshet('migrate', ...options)).toEqual({ code: 0, printed: 'Nothing to do.' })
})

test('timeline new starts a new timeline and prints it', async () => {
  const before = await timeline(db.database)
  const { code, printed } = await freshet('timeline', 'new', `--database=${db.database}`)
  expect(code).toBe(0)
  expect(printed).not.toBe(before)
  expect(await timeline(db.database)).toBe(printed)
})

/** A folder as pods mount it: the address of each user. */
async function usersFolder(addresses: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-users-'))
  for (const [role, address] of Object.entries(addresses)) {
    await mkdir(join(folder, role))
    await writeFile(join(folder, role, 'mongodb-uri'), `${address}\n`)
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

const connects = async (uri: string): Promise<boolean> => {
  const client = new MongoClient(uri)
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.close()
  }
}

test('migrate --users gives users the names and passwords of their addresses, prints none, and leaves earlier users alone', async () => {
  const database = 'rotated'
  const addressOf = (user: string, password: string) =>
    withCredentials(db.adminUri, { user, password, database })
  const first = {
    'freshet-reader': addressOf('freshet-reader', 'one/1'),
    'freshet-writer': addressOf('freshet-writer', 'w'),
  }
  const second = { ...first, 'freshet-reader': addressOf('freshet-reader-2', 'two:2') }
  for (const [addresses, change] of [
    [first, 'user freshet-reader@rotated'],
    [second, 'user freshet-reader-2@rotated'],
  ] as const) {
    await using users = await usersFolder(addresses)
    const { code, printed } = await freshet(
      'migrate',
      `--collections=${collections}`,
      `--database=${database}`,
      `--users=${users.folder}`,
    )
    expect([code, printed]).toEqual([0, expect.stringContaining(change)])
    expect(printed).not.toContain('mongodb://')
    for (const address of Object.values(addresses)) expect(await connects(address)).toBe(true)
  }
  expect(await connects(first['freshet-reader'])).toBe(true)
  expect(await connects(addressOf('freshet-reader-2', 'two'))).toBe(false)
  expect(credentialsOf(first['freshet-reader'])).toEqual({ user: 'freshet-reader', password: 'one/1' })
})

test('migrate --wait --initiate waits for a new server and makes it a replica set; the second run has nothing to do', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-new-'))
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, 'a'.repeat(40), { mode: 0o400 })
  const { binary } = await findMongod({
    env: process.env,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const port = 20_000 + (process.pid % 10_000)
  const uri = `mongodb://__system:${await readFile(keyFile, 'utf8')}@127.0.0.1:${port}/?replicaSet=try&authSource=local&authMechanism=SCRAM-SHA-256`
  const options = [`--collections=${collections}`, '--database=shop', '--initiate']
  // Nothing listens yet.
  const early = await freshetOn(uri, 'migrate', ...options)
  expect([early.code, early.printed]).toEqual([69, expect.stringContaining('UNREACHABLE')])
  const waiting = freshetOn(uri, 'migrate', ...options, '--wait=60s', '--json')
  const server = spawn(
    binary,
    ['--dbpath', folder, '--port', String(port), '--replSet', 'try', '--keyFile', keyFile, '--nounixsocket'],
    { stdio: 'ignore' },
  )
  const gone = once(server, 'exit')
  try {
    const { code, printed } = await waiting
    expect(code).toBe(0)
    const { changes, addresses } = JSON.parse(printed)
    expect(changes[0]).toBe('replica set try')
    expect(await connects(addresses['freshet-reader'])).toBe(true)
    expect(await freshetOn(uri, 'migrate', ...options)).toEqual({ code: 0, printed: 'Nothing to do.' })
  } finally {
    server.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true })
  }
})
