import { KeptLog } from '@freshet/testkit'
import { MongoClient, type Document } from 'mongodb'
import type { ClientOptions } from '../../src/client.ts'
import type * as guardedClient from '../../src/guarded-client.ts'
import type * as readConnection from '../../src/read-connection.ts'
import type * as counted from '../../src/refusals.ts'
import type * as told from '../../src/status.ts'
import type { TestServer } from '../test-server.ts'
import { attemptsAt, codeOf, insert, inside, isRefused, refusesInsert } from './attempts.ts'

/** What a file protects against, and the file without its protection. */
export interface Row {
  readonly rule: string
  /** Whether the attack is stopped. Imports the guard itself. */
  readonly stops: () => Promise<boolean>
  /** Other rules that fail without the file. */
  readonly also?: Readonly<Record<string, () => Promise<boolean>>>
  /** Replacements for some exports of the file. */
  without(real: object): object | Promise<object>
  /** Other layers that are disabled in both cases, by file: this one must hold without them. */
  readonly down?: readonly string[]
}

type Clients = ConstructorParameters<typeof readConnection.DriverReadConnection>[0]

const everything = { has: () => true }

/** One row for each file. */
export function rowsAt(server: TestServer, root: MongoClient): Readonly<Record<string, Row>> {
  const { failure, growing, opened, refuses, vetoed } = attemptsAt(server, root)
  return {
    'allowed-commands': {
      rule: 'G3.1',
      stops: refuses(insert),
      without: () => ({ allowedCommands: everything }),
    },
    'allowed-names': {
      rule: 'G3.2',
      stops: refuses({ aggregate: 'docs', pipeline: [{ $out: 'stolen' }], cursor: {} }),
      without: () => ({ allowedNames: everything }),
    },
    canary: {
      rule: 'G3.7',
      down: ['vetoing-connection'],
      stops: async () => codeOf(await failure(server.uri('builtin'))) === 'VETO_MISSING',
      without: () => ({ proveVeto: () => Promise.resolve('standing') }),
    },
    client: {
      rule: 'G3.9',
      stops: async () => {
        await using client = await vetoed('builtin')
        const { Connection } = await import('mongodb/lib/cmap/connection.js')
        Reflect.set(client.options, 'connectionType', Connection)
        return await isRefused(client.db('app').command(insert))
      },
      without: async () => {
        const driver = await import('mongodb')
        const { vetoingConnection } = await import('../../src/vetoing-connection.ts')
        const { Refusals } = await import('../../src/refusals.ts')
        return {
          vetoingClient: ({ uri, databases, log }: ClientOptions) => {
            const refusals = new Refusals(log, undefined)
            const options: object = { connectionType: vetoingConnection(databases, refusals) }
            return { client: new driver.MongoClient(uri, options), refusals }
          },
        }
      },
    },
    'cursor-ids': {
      rule: 'R.2',
      stops: () =>
        opened(server.uri('builtin'), async (connection) => {
          const { Long } = await import('../../src/index.ts')
          // No open cursor: its id is zero.
          const reply = await connection.run({ find: 'docs', limit: 1, singleBatch: true })
          return reply['cursor'].id instanceof Long
        }),
      without: () => ({ makeCursorIdLong: (reply: Document) => reply }),
    },
    'driver-errors': {
      rule: 'G3.6',
      stops: async () => {
        const wrong = server.uri('builtin').replace(':builtin@', ':wrong@')
        return codeOf(await failure(wrong)) === 'NOT_AUTHENTICATED'
      },
      without: () => ({ guardErrorOf: (error: unknown) => error }),
    },
    errors: {
      rule: 'G4.2',
      stops: async () => Reflect.get(Object(await failure(server.uri('careless'))), 'exitCode') === 78,
      without: () => ({ GuardError: class extends Error {} }),
    },
    examine: {
      rule: 'G4.7',
      stops: async () => {
        const { examine } = await import('../../src/index.ts')
        const log = new KeptLog()
        const { layers } = await examine({ ...inside, uri: server.uri('careless'), database: 'app', log })
        return layers.some(({ layer, stands }) => layer === 'G4' && !stands)
      },
      without: () => ({ examine: () => Promise.resolve({ layers: [{ layer: 'G4', stands: true }] }) }),
    },
    'guarded-client': {
      rule: 'G4.8',
      stops: growing(async (connection) => (await connection.prove().catch(codeOf)) === 'PRIVILEGE'),
      without: ({ GuardedClient: { prototype } }: typeof guardedClient) => {
        const verify: unknown = Reflect.get(prototype, 'verify')
        let calls = 0
        // Only at startup.
        Reflect.set(prototype, 'verify', function (this: object): unknown {
          calls += 1
          return calls > 1 || typeof verify !== 'function'
            ? Promise.resolve()
            : Reflect.apply(verify, this, [])
        })
        return {}
      },
    },
    index: {
      rule: 'G1.7',
      stops: async () => !('MongoClient' in (await import('../../src/index.ts'))),
      without: async () => await import('mongodb'),
    },
    open: {
      rule: 'G3.6',
      stops: async () => codeOf(await failure('mongodb//reader:secret@nowhere')) === 'BAD_ADDRESS',
      without: () => ({ openReadConnection: async ({ uri }: { uri: string }) => new MongoClient(uri) }),
    },
    'pinned-connection': {
      rule: 'R.9',
      stops: () =>
        opened(server.uri('builtin'), async (connection) => {
          const signal = AbortSignal.timeout(10_000)
          const pinned = await connection.pin({ timeoutMs: 10_000, signal })
          pinned.close()
          return await pinned.run({ ping: 1 }, { timeoutMs: 10_000 }).then(
            () => false,
            (error: unknown) => codeOf(error) === 'UNREACHABLE',
          )
        }),
      without: () => ({
        PinnedDriverConnection: {
          open: () => Promise.resolve({ run: () => Promise.resolve({ ok: 1 }), close: () => undefined }),
        },
      }),
    },
    preflight: {
      rule: 'G4.2',
      stops: async () => codeOf(await failure(server.uri('careless'))) === 'PRIVILEGE',
      without: () => ({ privilegeFault: () => undefined }),
    },
    'read-connection': {
      rule: 'G1.6',
      down: ['vetoing-connection', 'canary'],
      stops: () => opened(server.uri('builtin'), refusesInsert),
      without: ({ DriverReadConnection }: typeof readConnection) => ({
        DriverReadConnection: class extends DriverReadConnection {
          readonly #clients: Clients
          constructor(...parts: ConstructorParameters<typeof DriverReadConnection>) {
            super(...parts)
            this.#clients = parts[0]
          }
          override async run(command: Document): Promise<Document> {
            return (await this.#clients.current?.client.db('app').command(command)) ?? {}
          }
        },
      }),
    },
    refusals: {
      rule: 'R.5',
      stops: () =>
        opened(server.uri('builtin'), async (connection) => {
          await refusesInsert(connection)
          return connection.status().refusals.command === 1
        }),
      without: ({ Refusals }: typeof counted) => ({
        Refusals: class extends Refusals {
          override counts(): ReturnType<counted.Refusals['counts']> {
            return { command: 0, database: 0, message: 0, name: 0 }
          }
        },
      }),
    },
    status: {
      rule: 'G4.8',
      stops: growing(async (connection) => {
        await connection.prove().catch(codeOf)
        return connection.status().fault !== undefined
      }),
      without: ({ guardStatus }: typeof told) => ({
        guardStatus: (...facts: Parameters<typeof guardStatus>) => ({
          ...guardStatus(...facts),
          fault: undefined,
        }),
      }),
    },
    'vetoing-connection': {
      rule: 'G3.5',
      down: ['canary'],
      stops: refuses(insert),
      also: {
        'G3.2': refuses({ find: 'docs', filter: { $or: [{ $where: 'true' }] } }),
        'R.7': () =>
          opened(server.uri('builtin'), async (connection) => {
            const { serverOf } = await import('../../src/index.ts')
            return /^[0-9a-f]{24}$/.test(serverOf(await connection.run({ ping: 1 })) ?? '')
          }),
      },
      without: async () => {
        const { Connection } = await import('mongodb/lib/cmap/connection.js')
        return { vetoingConnection: () => Connection }
      },
    },
  }
}
