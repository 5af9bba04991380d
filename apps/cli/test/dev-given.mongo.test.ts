import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase } from '@freshet/testkit'
import type { TestDatabase } from '@freshet/testkit'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0', '--readers=1', '--deliveries=0', '--database=given']

/** The MongoDB that exists, and the run that uses it from the first test to the last. */
let db: TestDatabase
let meant: Program
afterAll(() => meant[Symbol.asyncDispose]())
afterAll(() => db[Symbol.asyncDispose]())

test('an existing MongoDB is named before it is used, and keeps its data and passwords', async () => {
  db = await openTestDatabase({ own: true })
  const { hosts } = db.servers
  await using dev = new Program([...started, '--ephemeral'], undefined, {
    env: { MONGODB_URI: db.adminUri },
  })
  const { mongodb } = await dev.json()
  expect(mongodb).toBe(db.adminUri)
  expect(dev.said.split('\n').slice(0, 3)).toEqual([
    `Using MongoDB from MONGODB_URI (${hosts}, database given).`,
    `Connecting to ${hosts}, database given …`,
    'No sample data is written to your own database; use --sample to write it.',
  ])
  dev.signal('SIGINT')
  expect(await dev.outcome).toMatchObject({
    code: 0,
    said: expect.stringMatching(`Stopping …; the data remains in the MongoDB at ${hosts}.\n$`),
  })
  expect(await documents()).toBe(0)
  // The next run has other passwords but must not lock out the users of this one.
  await using other = new Program([...started, '--ephemeral', '--sample'], undefined, {
    env: { MONGODB_URI: db.adminUri },
  })
  expect(await other.outcome).toMatchObject({ code: 78, said: expect.stringContaining('USERS_OF_OTHERS') })
  expect(await documents()).toBe(0)
  meant = new Program([...started, '--sample', `--db=${db.adminUri}`])
  await meant.json()
  await eventually(async () => expect(await documents()).toBeGreaterThan(0))
})

const documents = (): Promise<number> => db.admin.db('given').collection('products').countDocuments()

test('Ctrl-C while connecting to a MongoDB that does not answer stops the run', async () => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  await using dev = new Program([...started, `--db=mongodb://root:x@127.0.0.1:${port}/`])
  const asked = new Promise((resolve) => silent.once('connection', resolve))
  await asked
  dev.signal('SIGINT')
  const { code, said } = await dev.outcome
  silent.close()
  const lines = [
    `Connecting to 127.0.0.1:${port}, database given …`,
    expect.stringMatching(/^Stopping …/),
    '',
  ]
  expect({ code, lines: said.split('\n') }).toEqual({ code: 0, lines })
})

test('an unreachable MongoDB is reported with a code and a remedy', async () => {
  await using dev = new Program([...started, '--db=mongodb://root:secret@127.0.0.1:1/'])
  const { code, said } = await dev.outcome
  expect({ code, said }).toEqual({
    code: 69,
    said: expect.stringMatching(
      /^freshet dev: UNREACHABLE: no primary answered at 127\.0\.0\.1:1 .* Check the address/m,
    ),
  })
  expect(said).not.toContain('secret')
  // A failed start leaves no unusable token behind.
  expect(readdirSync(join(dev.cwd, '.freshet'))).not.toContain('token')
})

test('a forgotten MONGODB_URI is named first, even if another run uses the directory or nothing answers', async () => {
  const env = { MONGODB_URI: 'mongodb://root:secret@127.0.0.1:1/' }
  // This one spends some seconds connecting while the other one runs.
  await using third = new Program([...started, '--ephemeral'], meant.cwd, { env })
  const named = 'Using MongoDB from MONGODB_URI (127.0.0.1:1, database given).'
  await using second = new Program(started, meant.cwd, { env })
  await eventually(() => expect(second.said.split('\n')[1]).toContain('Another run is using'))
  expect(second.said.split('\n')[0]).toBe(named)
  second.signal('SIGINT')
  await second.outcome
  const { code, said } = await third.outcome
  expect(code).toBe(69)
  expect(said.split('\n')[0]).toBe(named)
  expect(said).toMatch(/^The address is from MONGODB_URI\. Unset it to start a local MongoDB\.$/m)
})
