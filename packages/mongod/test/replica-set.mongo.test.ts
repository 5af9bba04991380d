import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { findMongod, isPortFree, MongodError, startReplicaSet } from '@freshet/mongod'
import type { ReplicaSet } from '@freshet/mongod'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const mongod = await findMongod({ env: process.env, log })
const root = { user: 'root', password: 'not so: secret/@' }

const runs = (pid: number | undefined): boolean => pid !== undefined && existsSync(`/proc/${pid}`)

test('a single-node set requires credentials, accepts the root user, and leaves no process behind', async () => {
  const set = await startReplicaSet({ mongod, root, setParameters: { enableTestCommands: 1 } })
  const [member] = set.members
  const pid = member?.pid
  try {
    const stranger = new MongoClient(`mongodb://${set.hosts}/?replicaSet=${set.name}`)
    await expect(stranger.db('any').collection('any').findOne({})).rejects.toMatchObject({ code: 13 })
    await stranger.close()
    const admin = new MongoClient(set.rootUri())
    await admin.db('any').collection('any').insertOne({ a: 1 })
    expect(await admin.db('any').collection('any').countDocuments()).toBe(1)
    await admin.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
    await admin.close()
    expect(runs(pid)).toBe(true)
  } finally {
    await set.close()
  }
  expect(runs(pid)).toBe(false)
  expect(await isPortFree(member?.port ?? 0)).toBe(true)
})

test('its ports are outside the ephemeral range', async () => {
  await using set = await startReplicaSet({ mongod, root, nodes: 3 })
  const ports = set.members.map(({ port }) => port)
  expect(ports.filter((port) => port >= 20_000 && port < 30_000)).toHaveLength(3)
  expect(new Set(ports).size).toBe(3)
})

describe('data that is kept', () => {
  let dbPath: string
  beforeEach(async () => {
    dbPath = await mkdtemp(join(tmpdir(), 'freshet-kept-'))
  })
  afterEach(() => rm(dbPath, { recursive: true, force: true }))

  async function startTwice(end: (first: ReplicaSet) => Promise<void>): Promise<void> {
    const first = await startReplicaSet({ mongod, root, dbPath })
    const port = first.members[0]?.port ?? 0
    const writer = new MongoClient(first.rootUri())
    await writer
      .db('any')
      .collection('any')
      .insertOne({ a: 1 }, { writeConcern: { w: 'majority', j: true } })
    await writer.close()
    await end(first)

    await using second = await startReplicaSet({ mongod, root, dbPath, port })
    expect(second.members.map((member) => member.port)).toEqual([port])
    const reader = new MongoClient(second.rootUri())
    expect(await reader.db('any').collection('any').countDocuments()).toBe(1)
    await reader.close()
  }

  test('is available again, with its users, on its port', async () => {
    await startTwice((first) => first.close())
  })

  test('is available again after the server was killed', async () => {
    await startTwice(async (first) => {
      await first.members[0]?.kill()
      await first.close()
    })
  })

  test('without its port is reported as an incomplete first start', async () => {
    const first = await startReplicaSet({ mongod, root, dbPath })
    await first.close()
    const refused = startReplicaSet({ mongod, root, dbPath })
    await expect(refused).rejects.toThrow(`SET_UP_CUT_OFF: the data in ${dbPath} has no port`)
  })
})

test('a server that does not start causes one error with the reason, and prints nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'freshet-failing-'))
  const binary = join(folder, 'mongod')
  await writeFile(binary, '#!/bin/sh\nexit 14\n', { mode: 0o755 })
  const printed = jest.spyOn(console, 'warn')
  const refused = startReplicaSet({ mongod: { ...mongod, binary }, root, dbPath: join(folder, 'data') })
  await expect(refused).rejects.toThrow(/^NOT_STARTED: mongod did not start \(.*code "14"/)
  expect(printed).not.toHaveBeenCalled()
  printed.mockRestore()
  await rm(folder, { recursive: true })
})

test('the key file is stored with the data, readable only by its owner', async () => {
  const dbPath = await mkdtemp(join(tmpdir(), 'freshet-kept-'))
  const set = await startReplicaSet({ mongod, root, dbPath, throwAway: true })
  expect((await stat(join(dbPath, 'keyfile'))).mode & 0o777).toBe(0o600)
  await set.close()
  await rm(dbPath, { recursive: true })
})

test('a killed member comes back with all majority-committed writes', async () => {
  await using set = await startReplicaSet({ mongod, root })
  const client = new MongoClient(set.rootUri())
  const documents = client.db('any').collection('any', { writeConcern: { w: 'majority', j: true } })
  await documents.insertOne({ a: 1 })
  await set.members[0]?.kill()
  await set.members[0]?.start()
  expect(await documents.countDocuments()).toBe(1)
  await client.close()
})

test('a port in use is reported', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  try {
    const refused = startReplicaSet({ mongod, root, port })
    await expect(refused).rejects.toThrow(new RegExp(`^PORT_TAKEN: .*${port}`))
    await expect(refused).rejects.toBeInstanceOf(MongodError)
  } finally {
    other.close()
  }
})
