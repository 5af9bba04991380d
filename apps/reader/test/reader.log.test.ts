import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ifInstalled, installNats, Nats } from '@freshet/debezium'
import { ConfigError } from '@freshet/kit'
import type { RunningService } from '@freshet/service'
import { eventually } from '@freshet/testkit'
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { startReader } from './support/real-reader.ts'

const program = await ifInstalled('nats-server', installNats)

const describeIfNats = program === undefined ? describe.skip : describe

describeIfNats('a reader on a log', () => {
  let nats: Nats
  let nc: NatsConnection
  let manager: JetStreamManager
  let service: RunningService
  let txId = 700
  let lsn = 1_000

  const publish = async (key: unknown, value: unknown): Promise<void> => {
    const hdrs = headers()
    hdrs.set('kafka_key', JSON.stringify(key))
    await manager.jetstream().publish('app.all', JSON.stringify(value), { headers: hdrs })
  }
  /** A transaction as Debezium writes it for PostgreSQL. `null`: deleted. */
  const commit = async (rows: Readonly<Record<string, object | null>>): Promise<void> => {
    txId += 1
    const mark = (status: string, count: number | null): Promise<void> =>
      publish({ id: `${txId}:${lsn}` }, { status, id: `${txId}:${lsn}`, event_count: count, ts_ms: 1 })
    await mark('BEGIN', null)
    for (const [id, after] of Object.entries(rows)) {
      lsn += 8
      const place = { lsn, snapshot: 'false', db: 'shop', schema: 'public', table: 'products' }
      const source = { connector: 'postgresql', name: 'app', ...place }
      const op = after === null ? 'd' : 'u'
      await publish({ id }, { before: null, after, source, op, transaction: { id: `${txId}:${lsn}` } })
    }
    await mark('END', Object.keys(rows).length)
  }
  const get = (path: string, freshness: Record<string, string> = {}): Promise<Response> =>
    fetch(`${service.url}/v1/products${path}`, { headers: freshness })
  const now = { 'Freshet-At-Least': 'now' }

  beforeAll(async () => {
    nats = await Nats.open(String(program))
    nc = await connect({ servers: nats.uri.slice(7) })
    manager = await jetstreamManager(nc)
    await manager.streams.add({ name: 'app', subjects: ['app.>'] })
    for (const type of ['STARTED', 'IN_PROGRESS', 'COMPLETED'])
      await publish({ id: type }, { id: type, type, aggregate_type: 'Initial Snapshot', timestamp: 1 })
    await commit({ a: { id: 'a', price: 1.5 }, b: { id: 'b', price: 2 } })
    service = await startReader(`${nats.uri}/app`, [])
    await eventually(async () => expect((await get('/a')).status).toBe(200))
  })
  afterAll(async () => {
    await service.stop()
    await nc.close()
    await nats[Symbol.asyncDispose]()
  })

  test('rows of a log are served with position, ETag and conditions, and need no database', async () => {
    const answer = await get('/a')
    expect(await answer.text()).toBe('{"id":"a","price":1.5}')
    expect(answer.headers.get('freshet-position')).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
    expect(answer.headers.get('cache-status')).toBe('freshet; hit')
    const etag = answer.headers.get('etag') ?? ''
    expect((await get('/a', { 'If-None-Match': etag })).status).toBe(304)
    expect((await get('/none')).status).toBe(404)
    const status: unknown = await (await fetch(`${service.managementUrl}/statusz`)).json()
    expect(status).toMatchObject({ guard: { layers: { noDatabase: 'standing' } } })
  })

  test('`now` includes what is in the log, and a transaction is seen whole', async () => {
    await commit({ a: { id: 'a', price: 9 }, b: null })
    expect(await (await get('/a', now)).text()).toBe('{"id":"a","price":9}')
    expect((await get('/b', now)).status).toBe(404)
  })

  test('while the log is down, its last state is served, and it is followed again afterwards', async () => {
    await nats.server.stop('SIGKILL')
    expect(await (await get('/a')).text()).toBe('{"id":"a","price":9}')
    await nats.server.start()
    await nc.close()
    nc = await connect({ servers: nats.uri.slice(7) })
    manager = await jetstreamManager(nc)
    await commit({ a: { id: 'a', price: 10 } })
    await eventually(async () => expect(await (await get('/a', now)).text()).toBe('{"id":"a","price":10}'))
  })

  test('a reader that refuses its log answers with the true problem, and without its address', async () => {
    await manager.streams.add({ name: 'bad', subjects: ['bad.>'] })
    const source = { connector: 'postgresql', name: 'bad', lsn: 8, snapshot: 'false', db: 'shop' }
    const row = { after: { id: 'a' }, op: 'c', source: { ...source, schema: 'public', table: 'products' } }
    const hdrs = headers()
    hdrs.set('kafka_key', '{"id":"a"}')
    await manager.jetstream().publish('bad.all', JSON.stringify(row), { headers: hdrs })
    await using refusing = await startReader(`${nats.uri}/bad`, [])
    await eventually(async () => {
      const answer = await fetch(`${refusing.url}/v1/products/a`)
      const body = await answer.text()
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '10'])
      expect(JSON.parse(body)).toMatchObject({ type: 'https://freshet.dev/problems/source-refused' })
      expect(body).not.toContain('127.0.0.1')
    })
    expect(await (await fetch(`${refusing.managementUrl}/readyz`)).text()).toMatch(/UNSUPPORTED/)
  })

  test('a log that cannot be complete, a wrong address and messages are refused', async () => {
    await manager.streams.add({ name: 'short', subjects: ['short.>'], max_age: 60e9 })
    const refusal: unknown = await startReader(`${nats.uri}/short`, []).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ConfigError)
    expect(String(refusal)).toMatch(
      /--log-uri-file: UNSUPPORTED: .*messages of the stream short are deleted: max_age/,
    )
    await expect(startReader('nats://nowhere/app', [])).rejects.toThrow(/expected kafka:\/\//)
    await expect(startReader(`${nats.uri}/app`, ['--messages'])).rejects.toThrow(
      /messages are stored in MongoDB/,
    )
  })
})
