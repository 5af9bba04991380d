import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startPostgres, type Postgres } from '@freshet/postgres'
import type { PostgresHost } from '@freshet/postgres-rules'
import { CutProxy, eventually } from '@freshet/testkit'
import { connectorWith } from '../src/connector.ts'
import { connectorFor, type Connector } from '../src/index.ts'
import { Primary } from '../src/primary.ts'
import { addressOf, clientPort, openPair, opened, portOf, promote, run, withinMs } from './support/servers.ts'

const impatientMs = 2_000

let server: Postgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server[Symbol.asyncDispose]())

/** Takes the first host that accepts, whatever it is. */
class FirstThatAccepts extends Primary {
  readonly #parts: ConstructorParameters<typeof Primary>

  constructor(...parts: ConstructorParameters<typeof Primary>) {
    super(...parts)
    this.#parts = parts
  }

  override async find(): Promise<PostgresHost> {
    const [hosts, ask] = this.#parts
    for (const host of hosts) if ('seen' in (await ask(host))) return host
    throw new Error('no host accepts')
  }

  protected override refusalOf(): undefined {
    return undefined
  }
}

const careless = (uri: string): Connector =>
  connectorWith(uri, withinMs, (hosts, ask) => new FirstThatAccepts(hosts, ask))

/** A connection led to a server that is not the primary. */
class WrongServer extends Error {}

/** @throws {WrongServer} */
function expectAll(ports: readonly number[], { port }: Postgres): void {
  if (ports.some((one) => one !== port)) throw new WrongServer(`expected ${port}, got ${ports.join(', ')}`)
}

/** Connects to the primary before and after a fail-over. @throws {WrongServer} */
async function failsOver(open: (uri: string) => Connector): Promise<void> {
  const { primary, standby } = await openPair()
  try {
    const connector = open(addressOf([standby, primary], primary))
    const pool = opened(connector.pool({ max: 4 }))
    const all = () => Promise.all([portOf(pool), portOf(pool), clientPort(connector)])
    expectAll(await all(), primary)
    expectAll([await clientPort(connector, { replication: 'database' })], primary)
    await primary.stop('kill')
    await promote(standby)
    expectAll(await eventually(all), standby)
    expectAll([await clientPort(connector, { replication: 'database' })], standby)
    await pool.end()
  } finally {
    await Promise.all([primary.close(), standby.close()])
  }
}

test('H1 with a standby first, every client, pool and replication connection leads to the primary, before and after a fail-over', async () => {
  await failsOver((uri) => connectorFor(uri, withinMs))
})

test('H1 the same test finds a search that takes the first host that accepts', async () => {
  await expect(failsOver(careless)).rejects.toThrow(WrongServer)
})

/** The old primary comes back as a second one, first in the address, and the new one then ends. @throws {WrongServer} */
async function splitBrain(open: (uri: string) => Connector): Promise<void> {
  const { primary, standby } = await openPair()
  try {
    const connector = open(addressOf([primary, standby], primary))
    const pool = opened(connector.pool({ max: 2 }))
    expectAll([await portOf(pool)], primary)
    await primary.stop('kill')
    await promote(standby)
    expectAll([await eventually(() => portOf(pool))], standby)
    await primary.start()
    const held = await pool.connect()
    // Another connection, while the first is busy.
    expectAll(await Promise.all([portOf(held), portOf(pool), clientPort(connector)]), standby)
    held.release()
    await standby.stop('kill')
    const refused = await eventually(async () => {
      const got: unknown = await portOf(pool).catch((failure: unknown) => failure)
      if (got !== primary.port) expect(String(got)).toMatch(/expected a primary, got/)
      return got
    })
    if (refused === primary.port) expectAll([primary.port], standby)
    expect(String(refused)).toMatch(
      new RegExp(
        `127.0.0.1:${primary.port}: a primary on timeline 1, older than 2, which was seen; 127.0.0.1:${standby.port}: `,
      ),
    )
    await standby.start()
    expectAll([await eventually(() => portOf(pool))], standby)
    await pool.end()
  } finally {
    await Promise.all([primary.close(), standby.close()])
  }
}

test('H3 an old primary that comes back as a second one is refused, even if there is no other', async () => {
  await splitBrain((uri) => connectorFor(uri, withinMs))
})

test('H3 the same test finds a search that takes the first host that accepts', async () => {
  await expect(splitBrain(careless)).rejects.toThrow(WrongServer)
})

test('H3 of two primaries that are found at the same time, the one on the newer timeline is taken', async () => {
  const { primary, standby } = await openPair()
  try {
    await promote(standby)
    for (const servers of [
      [primary, standby],
      [standby, primary],
    ])
      // On a busy machine one may answer late.
      await eventually(async () =>
        expect(await clientPort(connectorFor(addressOf(servers, primary), withinMs))).toBe(standby.port),
      )
  } finally {
    await Promise.all([primary.close(), standby.close()])
  }
})

test('H2 when another server is the primary, connections to the one before are broken, idle or in use', async () => {
  const { primary, standby } = await openPair()
  try {
    const connector = connectorFor(addressOf([primary, standby], primary), withinMs)
    const lost: string[] = []
    const pool = connector.pool({ max: 3 })
    pool.on('error', (error) => lost.push(error.message))
    const held = await pool.connect()
    held.on('error', (error) => lost.push(error.message))
    expect(await portOf(pool)).toBe(primary.port)
    const sleeping = held.query('select pg_sleep(1000)')
    // Promoted although the old primary runs, which accepts no new connections.
    await promote(standby)
    await run(primary.uri('template1'), 'alter database postgres allow_connections false')
    const broken = expect(sleeping).rejects.toThrow('is the primary now')
    await eventually(async () => expect(await clientPort(connector)).toBe(standby.port))
    await broken
    // The driver says it twice.
    await eventually(() => expect(lost.filter((text) => text.includes('is the primary now')).length).toBe(2))
    held.release(true)
    expect(await portOf(pool)).toBe(standby.port)
    await pool.end()
  } finally {
    await Promise.all([primary.close(), standby.close()])
  }
})

test('H4 if no host can be used, the error names each with its reason, and no credentials', async () => {
  await using standby = await server.copyForStandby()
  await standby.start()
  await using silent = await CutProxy.open(server.port)
  silent.blackHole()
  const servers = [standby, { port: 1 }, silent]
  const connector = connectorFor(addressOf(servers, server), impatientMs)
  const error: unknown = await connector
    .client({})
    .connect()
    .catch((failure: unknown) => failure)
  expect(String(error)).toBe(
    `PrimaryError: expected a primary, got 127.0.0.1:${standby.port}: a standby; ` +
      `127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; 127.0.0.1:${silent.port}: timeout expired`,
  )
  const wrong = addressOf([standby, { port: 1 }, server], server).replace(/:[^:@/]+@/, ':wrong@')
  await expect(connectorFor(wrong, withinMs).client({}).connect()).rejects.toMatchObject({
    code: '28P01',
    message: expect.not.stringMatching(/wrong/),
  })
})

test('H4 a host that does not answer does not keep others from being used', async () => {
  await using silent = await CutProxy.open(server.port)
  silent.blackHole()
  const uri = addressOf([silent, server], server)
  const pool = opened(connectorFor(uri, withinMs).pool({}))
  expect(await portOf(pool)).toBe(server.port)
  await pool.end()
})
