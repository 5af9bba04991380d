import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { ConfigError, defineOptions, readConfig, systemClock, type Log } from '@freshet/kit'
import { serviceOptions, startService, type RunningService } from '@freshet/service'
import { eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import { openConnections } from '../src/backend/mongodb/connections.ts'
import { readerOptions } from '../src/options.ts'
import { readerService } from '../src/reader-service.ts'
import { FakeReplica } from './support/fake-replica.ts'
import { secret } from './support/open-reader.ts'

/** The service with real database connections and fake everything else. */
function start(
  uri: string,
  argv: readonly string[] = [],
  log: Log = silentLog,
  tokens: Readonly<Record<string, string>> = { FRESHET_TOKEN_SECRET: secret },
): Promise<RunningService> {
  const definition = readerService({
    version: '0.0.0',
    heapBytes: 2 ** 30,
    aliveWithinMs: 2_000,
    open: async (config, tools) => {
      const connections = await openConnections({ ...config, mongodbUri: uri }, tools, () => 0)
      return {
        replica: new FakeReplica(),
        access: new Map(),
        guard: () => connections.status(),
        parts: [connections],
      }
    },
  })
  const config = readConfig(defineOptions({ ...serviceOptions, ...readerOptions }), {
    argv: ['--port=0', '--management-port=0', '--database=shop', ...argv],
    env: { ...tokens, FRESHET_MONGODB_URI: uri },
    readFile: () => '',
  })
  const { signal } = new AbortController()
  return startService({ definition, config, log, clock: systemClock, signal })
}

test('a reader starts with the reader role, but not with a user who can write', async () => {
  await using db = await openTestDatabase()
  await using service = await start(db.uriFor('reader'))
  const status: unknown = await (await fetch(`${service.managementUrl}/statusz`)).json()
  expect(status).toMatchObject({
    guard: {
      user: 'freshet-reader@shop',
      layers: { veto: 'standing', role: 'standing' },
    },
  })
  for (const uri of [db.uriFor('writer'), db.adminUri]) {
    const refusal: unknown = await start(uri).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ConfigError)
    expect(String(refusal)).toMatch(/--mongodb-uri-file: PRIVILEGE: /)
  }
})

test('G0.5 a reader whose keys could sign tokens logs a warning, one that can only verify them does not', async () => {
  await using db = await openTestDatabase()
  const uri = db.uriFor('reader')
  const publicKeys = generateKeyPairSync('ed25519')
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString()
  for (const [layer, argv, tokens] of [
    ['standing', [], { FRESHET_TOKEN_PUBLIC_KEYS: publicKeys }],
    ['standing', ['--token-keys-url=http://127.0.0.1:9/keys'], {}],
    ['absent', [], { FRESHET_TOKEN_SECRET: secret }],
    ['absent', ['--no-tokens'], {}],
  ] as const) {
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) }
    await using service = await start(uri, argv, log, tokens)
    const status: unknown = await (await fetch(`${service.managementUrl}/statusz`)).json()
    expect(status).toMatchObject({ guard: { layers: { tokens: layer } } })
    expect(warnings.some((warning) => warning.includes('public keys'))).toBe(layer === 'absent')
  }
})

test('a cache that does not fit into the heap is refused before anything is opened', async () => {
  await expect(start('mongodb://nowhere', ['--cache-size=1GiB'])).rejects.toThrow(
    /--cache-size is 1024MiB, but the heap limit is 1024MiB: .*--max-old-space-size=1366/,
  )
})

test('if the database is unavailable at startup, the reader retries: the process stays up and is not ready', async () => {
  await using db = await openTestDatabase({ own: true })
  await db.stop()
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (_fields, message) => void warnings.push(message) }
  const starting = start(db.uriFor('reader'), [], log)
  await eventually(() => expect(warnings).toEqual(['the database is unreachable, retrying']))
  await db.start()
  await using service = await starting
  expect((await fetch(`${service.managementUrl}/livez`)).status).toBe(200)
})
