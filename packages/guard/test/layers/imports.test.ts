import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from '@jest/globals'
import { attacks } from '../attacks.ts'
import { forbidden, permitted } from './forbidden.ts'
import { readersImports, refusedIn } from './imports.ts'

const root = join(import.meta.dirname, '../../../..')

/** Directories of the packages of reader and delivery, by name: everything deployed with them, however indirect. */
async function deployedWithReaders(): Promise<ReadonlyMap<string, string>> {
  const folders = new Map(['reader', 'delivery'].map((app) => [`@freshet/${app}`, `apps/${app}`]))
  for (const folder of folders.values()) {
    const { dependencies = {} } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'))
    for (const name of Object.keys(dependencies).filter((each) => each.startsWith('@freshet/')))
      if (!folders.has(name)) folders.set(name, name.replace('@freshet', 'packages'))
  }
  // The guard itself: it has the driver, and G3 controls what is sent.
  folders.delete('@freshet/guard')
  return folders
}

/**
 * Permitted in these packages nevertheless: whole modules that only compute, or single harmless exports of others, each
 * with its reason.
 */
const exceptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '@freshet/reader': {
    'process in main.ts': 'main.ts hands environment and signals to the service, and nothing else',
    '@freshet/service/start': 'starts Node.js again with a heap limit, before anything is opened',
    '@freshet/change-stream-log': 'exports a source, which only consumes; the log is not the database',
    '@freshet/change-stream-postgres':
      'exports a source and its reads; its sessions are read-only, and its role is checked at the start',
  },
  '@freshet/change-stream-log': {
    'Consumer of @platformatic/kafka': 'fetches records; the producer is another class',
    'type RecordsBatch of @platformatic/kafka': 'a type',
    'Admin of @platformatic/kafka': 'asks for the settings of one topic: its type allows no other call',
    'type Admin of @platformatic/kafka': 'a type',
    'ConfigResourceTypes of @platformatic/kafka': 'numbers',
    '@nats-io/jetstream': 'reads one stream by ordered consumers; publishing is never called',
    'connect of @nats-io/transport-node': 'connects to the log, which is not the database',
    'type NatsConnection of @nats-io/transport-node': 'a type',
  },
  '@freshet/change-stream-postgres': {
    'type Client of pg': 'a type',
    'type ClientConfig of pg': 'a type',
    'type Pool of pg': 'a type',
    'type EventEmitter of node:events': 'a type',
    '@freshet/postgres-client':
      'opens sessions with the settings that it is given, here read-only; the server refuses writes of its role',
    '@freshet/postgres-rules':
      'names, positions, texts of statements, and checks of tables by a query that it is given',
  },
  '@freshet/postgres-client': {
    'Client of pg': 'connects for change-stream-postgres, and asks hosts what they are by one select',
    'Pool of pg': 'connects for change-stream-postgres',
    'type Client of pg': 'a type',
    'type ClientConfig of pg': 'a type',
    'type PoolConfig of pg': 'a type',
    '@freshet/postgres-rules': 'addresses, and texts of expressions',
  },
  '@freshet/delivery': {
    'process in main.ts': 'main.ts hands environment and signals to the service, and nothing else',
    '@freshet/service/start': 'starts Node.js again with a heap limit, before anything is opened',
    'WebSocketServer of ws': 'answers handshakes on sockets that the service has accepted; it has no port',
    'SignJWT of jose/jwt/sign': 'signs tickets for event streams, which only deliveries accept',
    'jwtVerify of jose/jwt/verify': 'verifies these tickets',
    'JWTExpired of jose/errors': 'a class of errors',
  },
  '@freshet/service': {
    'isIPv4 of node:net': 'looks at a text',
    'spawn of node:child_process': 'starts the same program again with a heap limit, and becomes its parent',
    'constants of node:os': 'numbers of signals',
    'totalmem of node:os': 'a number',
    'constrainedMemory of node:process': 'a number',
    'isUtf8 of node:buffer': 'inspects bytes',
    'type Socket of node:net': 'the type of what a server hears on',
    'once of node:events': 'waits',
    'readFileSync of node:fs': 'reads secrets and the version',
    jose: 'types of claims and keys',
    'jose/errors': 'classes of errors',
    'createLocalJWKSet of jose/jwks/local': 'finds keys',
    'createRemoteJWKSet of jose/jwks/remote': 'fetches the keys of the issuer of tokens, by GET',
    'customFetch of jose/jwks/remote': 'names the function that fetches them',
    'jwtVerify of jose/jwt/verify': 'checks tokens',
    fetch: 'asks what jose tells it to ask: the keys of the issuer, by GET',
    pino: 'writes the log',
    'Counter of prom-client': 'counts',
    'Gauge of prom-client': 'counts',
    'Histogram of prom-client': 'counts',
    'Registry of prom-client': 'counts',
    'collectDefaultMetrics of prom-client': 'counts',
  },
  '@freshet/protocol': { 'structured-headers': 'reads and writes the text of headers' },
  '@freshet/documents-mongodb': {
    bson: 'reads and writes values; without the driver they go nowhere',
    'isUtf8 of node:buffer': 'inspects bytes',
  },
  '@freshet/documents': {
    'isDeepStrictEqual of node:util': 'compares',
    '@eslint-community/regexpp': 'parses patterns',
    'ajv/dist/2020.js': 'validates values',
    'ajv/dist/types/index.js': 'validates values',
    'join of node:path': 'joins paths',
    'readFile of node:fs/promises': 'reads the files of collections',
    'readdir of node:fs/promises': 'reads the files of collections',
  },
}

/** The exception that covers a finding in a package, if there is one. */
function exceptionFor(name: string, what: string): string | undefined {
  const [module = ''] = what.split(' of ').slice(-1)
  return [what, module].find((each) => exceptions[name]?.[each] !== undefined)
}

test.each(Object.entries(forbidden))('G2.1 refused: %s', async (_, source) => {
  expect(await refusedIn(source, readersImports)).not.toEqual([])
})

test.each(Object.entries(permitted))('G2.1 permitted: %s', async (_, source) => {
  expect(await refusedIn(source, readersImports)).toEqual([])
})

test('G2.1 there are more than 25 forbidden ways, all different', () => {
  expect(Object.keys(forbidden).length).toBeGreaterThan(25)
  expect(new Set(Object.values(forbidden)).size).toBe(Object.keys(forbidden).length)
})

test('G2.2 no file of the reader, or of a package deployed with it, contains anything refused', async () => {
  const found: string[] = []
  const looked: string[] = []
  const needed = new Set<string>()
  for (const [name, folder] of await deployedWithReaders()) {
    const source = join(root, folder, 'src')
    const entries = await readdir(source, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((each) => !each.isDirectory())) {
      const file = join(entry.parentPath, entry.name)
      const inFolder = (path: string): boolean =>
        !relative(source, normalize(join(dirname(file), path))).startsWith('..')
      // All code has one file type: code of another type would be shipped unchecked.
      const refused = file.endsWith('.ts')
        ? await refusedIn(await readFile(file, 'utf8'), readersImports, inFolder)
        : ['no file of this kind']
      for (const each of refused) {
        const what = each === 'process' ? `process in ${entry.name}` : each
        const exception = exceptionFor(name, what)
        if (exception === undefined) found.push(`${relative(root, file)}: ${what}`)
        else needed.add(`${name}: ${exception}`)
      }
      looked.push(name)
    }
  }
  expect(found).toEqual([])
  const stated = Object.entries(exceptions).flatMap(([name, reasons]) =>
    Object.keys(reasons).map((what) => `${name}: ${what}`),
  )
  expect([...needed].toSorted()).toEqual(stated.toSorted())
  // A directory without files would mean that the search was in the wrong place.
  expect([...new Set(looked)].toSorted()).toEqual(
    [
      'bson',
      'cache',
      'change-stream',
      'change-stream-log',
      'change-stream-mongodb',
      'change-stream-postgres',
      'delivery',
      'documents',
      'documents-mongodb',
      'kit',
      'messages',
      'mongodb-rules',
      'postgres-client',
      'postgres-rules',
      'protocol',
      'reader',
      'replica',
      'service',
    ].map((name) => `@freshet/${name}`),
  )
  expect(looked.length).toBeGreaterThan(100)
})

// Only for attacks that need imports: an attack through a `ReadConnection` needs none, and is stopped by G1 and G3.
test('G2.3 a reader cannot import or name what an attack needs besides the guard', async () => {
  const free: string[] = []
  for (const { name, needs } of attacks) {
    const refused = await Promise.all(needs.map((line) => refusedIn(line, readersImports)))
    if (!refused.some((found) => found.length > 0)) free.push(name)
  }
  expect(free).toEqual([])
})

test('G2.1 negative control: with a list that contains it, the driver is permitted', async () => {
  const loose = new Set([...readersImports, 'mongodb'])
  expect(await refusedIn(`import { MongoClient } from 'mongodb'`, loose)).toEqual([])
})
