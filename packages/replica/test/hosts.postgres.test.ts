import { expect, test } from '@jest/globals'
import type { Postgres } from '@freshet/postgres'
import { asIfAlike, eventually, splitAddress, type SplitAddressOptions } from '@freshet/testkit'
import { Client } from 'pg'
import { FaultRun } from './support/postgres/fault-run.ts'
import { openDatabase } from './support/postgres/tables.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

async function connectTo(server: Postgres): Promise<Client> {
  const client = new Client({ connectionString: server.uri() })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function ask(server: Postgres, statement: string): Promise<number> {
  const client = await connectTo(server)
  try {
    const { rows } = await client.query({ text: statement, rowMode: 'array' })
    return Number(rows[0]?.[0])
  } finally {
    await client.end()
  }
}

const endSessions = `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'faults%'`

/** An old primary was followed after the one that was promoted. */
class FollowedOld extends Error {}

/**
 * A primary dies, its standby is promoted, the old primary comes back, and then the new one dies and starts again. All answers are
 * compared with what the databases recorded. @throws {FollowedOld}
 */
async function failOver(openAddress: (standby: Postgres, old: Postgres) => Promise<Address>): Promise<void> {
  await using db = await openDatabase()
  await using standby = await db.server.copyForStandby()
  await standby.start()
  await using address = await openAddress(standby, db.server)
  const uri = db.uri.replace(`127.0.0.1:${db.server.port}`, address.hosts)
  await using run = await FaultRun.open({ db, seed, uri })
  await run.follows()
  const { source } = run.status
  await db.server.stop('kill')
  await ask(standby, 'select pg_promote()')
  run.switchTo(standby.port, () => connectTo(standby))
  await eventually(() => expect(run.status.state.kind === 'live' && run.status.source !== source).toBe(true))
  const promoted = run.status.source
  const since = run.sources.length
  const isOld = (): boolean => run.sources.slice(since).some((one) => one !== promoted)
  const expectPromoted = (): void => {
    if (isOld()) throw new FollowedOld(`${run.sources.join(', then ')}, although ${promoted} was promoted`)
  }
  await run.follows()
  // The old primary comes back, and all connections have to be opened again.
  await db.server.start()
  const { epoch } = run.status
  await ask(standby, endSessions)
  await eventually(() => expect(isOld() || run.status.epoch > epoch).toBe(true))
  await run.follows(isOld)
  expectPromoted()
  // Only the old primary is left.
  const { length } = run.logged
  await standby.stop('kill')
  const refusal = `${address.old}: a primary on timeline 1, older than 2, which was seen`
  await eventually(() => expect(run.logged.slice(length).join().includes(refusal) || isOld()).toBe(true))
  expectPromoted()
  await standby.start()
  await run.follows(isOld)
  expectPromoted()
  expect(run.status.source).toBe(promoted)
  expect(await run.differences()).toEqual([])
  const servers = new Map([
    [source, db.server.uri()],
    [promoted, standby.uri()],
  ])
  expect(await run.wrong(servers)).toEqual([])
  process.stderr.write(`several hosts: ${JSON.stringify(run.counts)}\n`)
}

interface Address extends AsyncDisposable {
  readonly hosts: string
  /** The host that leads to the old primary. */
  readonly old: string
}

const hostOf = ({ port }: { readonly port: number }): string => `127.0.0.1:${port}`

const listOf = (servers: readonly Postgres[], old: Postgres): Promise<Address> =>
  Promise.resolve({
    hosts: servers.map(hostOf).join(),
    old: hostOf(old),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })

test.each([
  ['first', (standby: Postgres, old: Postgres) => listOf([standby, old], old)],
  ['last', (standby: Postgres, old: Postgres) => listOf([old, standby], old)],
])(
  `R3 several hosts, the standby %s: a replica follows each primary, and no old one that comes back (seed ${seed})`,
  async (_, openAddress) => failOver(openAddress),
  300_000,
)

/** One host that leads to both servers. */
const oneHost =
  (options: SplitAddressOptions) =>
  async (standby: Postgres, old: Postgres): Promise<Address> => {
    const address = await splitAddress([old.port, standby.port], options)
    return {
      hosts: hostOf(address),
      old: hostOf(address),
      [Symbol.asyncDispose]: () => address[Symbol.asyncDispose](),
    }
  }

test(`R3 one host that leads to either: a replica follows the newer primary (seed ${seed})`, async () => {
  await failOver(oneHost({ each: 3 }))
}, 300_000)

test.each([3, Infinity])(
  'R3 the same test detects an old primary if all servers say that they are the same one (%d connections each)',
  async (each) => {
    await expect(failOver(oneHost({ each, rewrite: asIfAlike }))).rejects.toThrow(FollowedOld)
  },
  300_000,
)
