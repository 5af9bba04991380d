import { expect, test } from '@jest/globals'
import type { ReplicaState } from '@freshet/replica'
import { openReader, type OpenReader } from './support/open-reader.ts'

async function page(reader: OpenReader, path: string): Promise<readonly [number, string]> {
  const answer = await fetch(reader.service.managementUrl + path)
  return [answer.status, await answer.text()]
}

test('a reader is ready while it can answer from memory, however old its proof is', async () => {
  await using reader = await openReader()
  reader.replica.state = { kind: 'lagging', since: 0 }
  reader.replica.provedAt -= 3_600_000
  expect((await page(reader, '/readyz'))[0]).toBe(200)
  expect((await page(reader, '/startupz'))[0]).toBe(200)
})

test.each<[ReplicaState, string | undefined, string]>([
  [{ kind: 'loading' }, undefined, 'loading'],
  [{ kind: 'loading' }, 'DENIED', 'loading: DENIED'],
  [{ kind: 'lost', reason: 'SOURCE_UNKNOWN' }, undefined, 'lost: SOURCE_UNKNOWN'],
  [{ kind: 'lost', reason: 'HISTORY_LOST' }, 'UNSUPPORTED', 'lost: UNSUPPORTED'],
  [{ kind: 'stopped' }, undefined, 'stopped'],
])('a reader in the state %j that is broken by %s is not ready', async (state, brokenBy, why) => {
  await using reader = await openReader()
  reader.replica.state = state
  reader.replica.brokenBy = brokenBy
  expect(await page(reader, '/readyz')).toEqual([503, `${JSON.stringify({ ok: false, why })}\n`])
})

test('a staleness limit makes the reader unready if it is set', async () => {
  await using reader = await openReader({ unreadyAfterMs: 60_000 })
  expect((await page(reader, '/readyz'))[0]).toBe(200)
  reader.replica.provedAt -= 61_000
  expect((await page(reader, '/readyz'))[0]).toBe(503)
})

test('a reader whose guard has detected a fault is not ready, and says which', async () => {
  let fault: string | undefined
  await using reader = await openReader({ fault: () => fault })
  expect((await page(reader, '/readyz'))[0]).toBe(200)
  fault = 'PRIVILEGE: it may insert'
  const why = `guard: ${fault}`
  expect(await page(reader, '/readyz')).toEqual([503, `${JSON.stringify({ ok: false, why })}\n`])
  expect((await page(reader, '/livez'))[0]).toBe(200)
  fault = undefined
  expect((await page(reader, '/readyz'))[0]).toBe(200)
})

test('status and metrics report the replica and the guard', async () => {
  await using reader = await openReader()
  expect(JSON.parse((await page(reader, '/statusz'))[1])).toMatchObject({
    role: 'reader',
    source: '01234567',
    at: '0000000000000001',
    misses: 7,
    guard: { layers: { veto: 'standing', role: 'absent' }, refusals: { command: 3 }, refusedMethods: 0 },
  })
  const [, metrics] = await page(reader, '/metrics')
  expect(metrics).toContain('freshet_replica_misses_total 7\n')
  expect(metrics).toContain('freshet_replica_resyncs_total{reason="HISTORY_LOST"} 2\n')
  expect(metrics).toContain('freshet_replica_state{state="live"} 1\n')
  expect(metrics).toContain('freshet_guard_refusals_total{layer="database",what="command"} 3\n')
  expect(metrics).toContain('freshet_guard_layer_standing{layer="veto"} 1\n')
  expect(metrics).toContain('freshet_guard_layer_standing{layer="role"} 0\n')
  expect(metrics).toContain('freshet_database_client_renewals_total 2\n')
})

test('H20 an entry is inspected without its content, on the management port alone', async () => {
  await using reader = await openReader()
  const { replica, service } = reader
  const key = 'products/1'
  replica.put(key, '{"_id":"1"}')
  const before = { hits: replica.status().hits, reads: replica.reads }
  const inspect = async (path: string): Promise<unknown> =>
    JSON.parse((await page(reader, `/cachez/${path}`))[1])
  expect(await inspect(key)).toEqual({
    held: 'no',
    position: replica.positionText,
    ageMs: expect.any(Number),
  })
  replica.hold(key, 'products/unknown')
  expect(await inspect(key)).toEqual({
    held: 'document',
    etag: replica.documents.get(key)?.etag,
    bytes: replica.documents.get(key)?.body.length,
    position: replica.positionText,
    ageMs: expect.any(Number),
  })
  expect(await inspect('products/unknown')).toMatchObject({ held: 'absence' })
  expect((await page(reader, '/cachez/nothing/1'))[0]).toBe(404)
  expect((await page(reader, '/cachez/products'))[0]).toBe(404)
  expect({ hits: replica.status().hits, reads: replica.reads }).toEqual(before)
  for (const path of [`/cachez/${key}`, `/v1/cachez/${key}`])
    expect((await fetch(service.url + path)).status).toBe(404)
})
