import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from '@jest/globals'
import { findMongod, startReplicaSet } from '@freshet/mongod'
import { hostsOf, migrate } from '@freshet/migration'
import { openBareServer } from './bare-server.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const mongod = await findMongod({ env: process.env, log })
const set = await startReplicaSet({ mongod, root: { user: 'root', password: 'secret' } })
afterAll(() => set.close())

const run = (uri: string, signal?: AbortSignal) =>
  migrate({ uri, database: 'shop', collections: ['products'], passwords: {}, ...(signal ? { signal } : {}) })

test('a server without access control is refused before anything is changed', async () => {
  await using bare = await openBareServer(mongod.binary, 'lone')
  await expect(run(`mongodb://${bare.host}/?replicaSet=lone`)).rejects.toThrow(
    `NO_ACCESS_CONTROL: the server at ${bare.host} has no access control`,
  )
  const { databases } = await bare.admin.db('admin').admin().listDatabases()
  expect(databases.map(({ name }) => name).sort()).toEqual(['admin', 'config', 'local'])
})

test('a server outside any replica set is reported as such, with or without replicaSet in the address', async () => {
  await using bare = await openBareServer(mongod.binary)
  const runs = ['', '?replicaSet=lone'].map((query) => run(`mongodb://${bare.host}/${query}`))
  await Promise.all(
    runs.map((one) =>
      expect(one).rejects.toThrow(`NO_REPLICA_SET: the server at ${bare.host} is not in a replica set. `),
    ),
  )
  const { databases } = await bare.admin.db('admin').admin().listDatabases()
  expect(databases.map(({ name }) => name)).not.toContain('shop')
})

// Most of these wait for a server that never answers, so they run concurrently.
test.concurrent.each([
  ['another set name', (uri: string) => uri.replace('replicaSet=freshet', 'replicaSet=other'), 'WRONG_SET'],
  [
    'another set name, with the option in upper case',
    (uri: string) => uri.replace('replicaSet=freshet', 'REPLICASET=other'),
    'WRONG_SET',
  ],
  ['a wrong password', (uri: string) => uri.replace(':secret@', ':wrong@'), 'NOT_AUTHENTICATED'],
  ['no user', (uri: string) => uri.replace('root:secret@', ''), 'NOT_AUTHENTICATED'],
  ['another scheme', (uri: string) => uri.replace('mongodb:', 'mongo:'), 'BAD_ADDRESS'],
  ['a port where nothing listens', (uri: string) => uri.replace(hostsOf(uri), '127.0.0.1:1'), 'UNREACHABLE'],
])('%s is reported with a code, without the password', async (_what, change, code) => {
  const uri = change(set.rootUri())
  const error: unknown = await run(uri).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'MigrationError', code })
  expect(String(error)).not.toMatch(/secret|wrong@/)
})

test('option names are case-insensitive, and options that would weaken a migration are overridden', async () => {
  const uri = set.rootUri().replace('replicaSet', 'REPLICASET').replace('authSource', 'authsource')
  const { passwords } = await run(`${uri}&readpreference=secondary&w=0`)
  expect(Object.keys(passwords)).toHaveLength(3)
  expect((await run(uri)).changes).toEqual([])
})

const isRoot = process.getuid?.() === 0
if (!isRoot) process.stderr.write('Skipped, since only root can start it: a server with its own host name\n')
const asRoot = isRoot || process.env['CI'] !== undefined ? test : test.skip

asRoot(
  'a set whose member has a name that is unknown here is reported, with directConnection as the remedy',
  async () => {
    await using bare = await openBareServer(mongod.binary, 'lone', 'inside-only')
    const port = bare.host.split(':')[1]
    const runs = ['?replicaSet=lone', '?REPLICASET=lone'].map((query) =>
      run(`mongodb://root:x@${bare.host}/${query}`),
    )
    await Promise.all(
      runs.map((one) =>
        expect(one).rejects.toThrow(
          `MEMBERS_UNREACHABLE: ${bare.host} reports a replica set at inside-only:${port},`,
        ),
      ),
    )
    // With the remedy applied, the server is reached; the next error is a different one.
    await expect(run(`mongodb://${bare.host}/?replicaSet=lone&directConnection=true`)).rejects.toThrow(
      'NO_ACCESS_CONTROL',
    )
  },
)

test('cancelling does not wait for a server that does not answer', async () => {
  const stop = new AbortController()
  const silent = createServer(() => stop.abort(new Error('asked')))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  try {
    await expect(
      run(`mongodb://root:x@127.0.0.1:${port}/?directConnection=true`, stop.signal),
    ).rejects.toThrow(/^asked$/)
  } finally {
    silent.close()
  }
})
