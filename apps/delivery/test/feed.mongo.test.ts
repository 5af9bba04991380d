import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conversationId } from '@freshet/messages'
import { CutProxy, eventually, KeptLog, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { openClient } from './support/real-client.ts'
import { startDelivery, type DeliveryStart, type RealDelivery } from './support/real-delivery.ts'
import { StoredMessages } from './support/stored-messages.ts'

let db: TestDatabase
let stored: StoredMessages
beforeAll(async () => {
  db = await openTestDatabase({ own: true, messages: true })
  stored = new StoredMessages(db)
})
afterAll(() => db[Symbol.asyncDispose]())

async function start(changed: Partial<DeliveryStart> = {}): Promise<RealDelivery> {
  const delivery = await startDelivery({ uri: db.uriFor('delivery'), ...changed })
  await delivery.ready()
  return delivery
}

const toAnn = { from: 'bob', to: { user: 'ann' } }

test('D60 messages reach recipients at two instances, with the same offsets wherever and whenever one starts', async () => {
  await using first = await start()
  using ann = await openClient(first.webSocketUrl, 'ann')
  using bob = await openClient(first.webSocketUrl, 'bob')
  using cem = await openClient(first.webSocketUrl, 'cem')
  await Promise.all([ann, bob, cem].map(({ client }) => client.ready()))
  const ids: string[] = []
  for (let count = 0; count < 20; count += 1) ids.push(await stored.send(toAnn))
  await eventually(() => expect(ann.heard.ids).toEqual(ids))
  await using second = await start()
  using again = await openClient(second.webSocketUrl, 'ann')
  await again.client.ready()
  for (let count = 0; count < 20; count += 1) ids.push(await stored.send(toAnn))
  await stored.cursor('ann', conversationId(['ann', 'bob']), 3)
  await eventually(() => expect([ann.heard.ids, bob.heard.ids]).toEqual([[...ids, 'cursor'], ids]))
  await eventually(() => expect(again.heard.ids).toEqual([...ids.slice(20), 'cursor']))
  expect(again.heard.offsets).toEqual(ann.heard.offsets.slice(20))
  // Whoever was at the first one recovers at the second one, from before it was started.
  const { publications } = await again.client.history('#ann', { limit: 300 })
  expect(publications.map(({ data, offset }) => [data.id ?? data.type, offset])).toEqual(
    ann.heard.ids.map((id, index) => [id, ann.heard.offsets[index]]),
  )
  expect(cem.heard.ids).toEqual([])
})

test('D55 what arrives in one read is in order on the wire, and so hears 5.8.0', async () => {
  await using delivery = await start()
  using newer = await openClient(delivery.webSocketUrl, 'ann')
  using older = await openClient(delivery.webSocketUrl, 'ann', { sdk: '5.7.4' })
  using prompt = await openClient(delivery.webSocketUrl, 'ann')
  await Promise.all([newer, older, prompt].map(({ client }) => client.ready()))
  for (const { sockets } of [newer, older]) sockets.at(-1)?.pause()
  // ASCII and other frames are written in different ways.
  for (let batches = 0; batches < 10; batches++)
    await stored.sendMany(50, { ...toAnn, body: batches % 2 === 0 ? '"e"' : '"é"' })
  await eventually(() => expect(prompt.heard.ids).toHaveLength(500))
  for (const { sockets } of [newer, older]) sockets.at(-1)?.resume()
  await eventually(() => {
    for (const { heard } of [newer, older]) expect(heard.ids).toHaveLength(500)
  })
  const inOrder = prompt.heard.frames.toSorted((a, b) => a - b)
  expect(inOrder).toHaveLength(500)
  expect([prompt.heard.frames, newer.heard.frames, older.heard.frames, newer.heard.offsets]).toEqual(
    Array.from({ length: 4 }, () => inOrder),
  )
  expect(older.heard.offsets.toSorted((a, b) => a - b)).toEqual(inOrder)
})

test('D61 an instance is not ready, and serves nobody, before it has caught up', async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  await using delivery = await startDelivery({
    uri: db.uriFor('delivery'),
    wrap: (backend) => ({
      ...backend,
      source: {
        start: (signal) => backend.source.start(signal),
        wallTimeMs: (position) => backend.source.wallTimeMs(position),
        async *read(origin, signal) {
          for await (const batch of backend.source.read(origin, signal)) {
            if (Number.isFinite(batch.provedAt)) await held
            yield batch
          }
        },
      },
    }),
  })
  await eventually(async () => expect(await delivery.unready()).toBe('the feed is catching up'))
  using ann = await openClient(delivery.webSocketUrl, 'ann')
  await eventually(() => expect(ann.heard.events).toContain('error 100'))
  expect((await fetch(delivery.eventsUrl, { headers: { authorization: 'Bearer x' } })).status).toBe(401)
  release()
  await delivery.ready()
  await ann.client.ready()
})

test('D62 a feed that breaks or falls silent is not ready until it is current again, and nothing is lost', async () => {
  await using proxy = await CutProxy.open(db.port)
  await using delivery = await start({
    uri: proxy.uriThrough(db.uriFor('delivery')),
    argv: ['--unready-after=1s'],
  })
  using ann = await openClient(delivery.webSocketUrl, 'ann')
  await ann.client.ready()
  const ids: string[] = []
  for (const disturb of [() => proxy.cut(), () => proxy.blackHole()]) {
    ids.push(await stored.send(toAnn))
    await eventually(() => expect(ann.heard.ids).toEqual(ids))
    disturb()
    await eventually(async () => expect(await delivery.unready()).toMatch(/not proved current for more than/))
    expect(await delivery.metrics()).toMatch(/^freshet_delivery_feed_healthy 0$/m)
    ids.push(await stored.send(toAnn), await stored.send(toAnn))
    proxy.resume()
    await delivery.ready()
    await eventually(() => expect(ann.heard.ids).toEqual(ids))
  }
  expect(ann.heard.events).toEqual(['connecting 0'])
  const { feed } = await delivery.status()
  expect(feed).toMatchObject({ state: 'live', restarts: 0, breaks: { DISCONNECTED: expect.any(Number) } })
})

test('D63 memberships and revocations are those at the position of the feed', async () => {
  await using delivery = await start()
  await stored.member('dan', 'team', [{ from: 1 }])
  await stored.member('eve', 'team', [{ from: 1, to: 1 }])
  using dan = await openClient(delivery.webSocketUrl, 'dan')
  using eve = await openClient(delivery.webSocketUrl, 'eve')
  await Promise.all([dan, eve].map(({ client }) => client.ready()))
  const toTeam = { from: 'bob', to: { group: 'team' } }
  const ids = [await stored.send(toTeam), await stored.send(toTeam)]
  await eventually(() => expect(dan.heard.ids).toEqual(ids))
  // A member who joins while connected, and leaves again.
  await stored.member('eve', 'team')
  const third = await stored.send(toTeam)
  await stored.member('eve', 'team', [{ from: 3, to: 3 }])
  ids.push(third, await stored.send(toTeam))
  await eventually(() => expect(dan.heard.ids).toEqual(ids))
  expect(eve.heard.ids).toEqual([third])
  // By token, without a membership.
  using fay = await openClient(delivery.webSocketUrl, 'fay', { claims: { groups: ['team'] } })
  await fay.client.ready()
  const fifth = await stored.send(toTeam)
  await eventually(() => expect(fay.heard.ids).toEqual([fifth]))
  // A revocation reaches who is connected, and who comes later.
  const sub = 'a name/with “everything”'
  using gus = await openClient(delivery.webSocketUrl, sub)
  await gus.client.ready()
  await stored.revoke(sub, Math.floor(Date.now() / 1_000) + 1)
  await eventually(() => expect(gus.heard.events).toContain('connecting 3014'))
  await eventually(() => expect(gus.heard.events).toContain('disconnected 3500'))
  using late = await openClient(delivery.webSocketUrl, sub)
  await eventually(() => expect(late.heard.events).toContain('disconnected 3500'))
})

test('D64 a body is passed on as it is stored, and a document that cannot be read is skipped and counted', async () => {
  const log = new KeptLog()
  await using delivery = await start({ log })
  using ann = await openClient(delivery.webSocketUrl, 'hal')
  await ann.client.ready()
  const toHal = { from: 'bob', to: { user: 'hal' } }
  const exact = await stored.send({ ...toHal, body: '{"n":1.0,"a":\n[1e2, "\\u00e9\\n"]\r\n}' })
  const bad = [
    { ...stored.next(toHal), body: '{"no":' },
    { ...stored.next(toHal), body: { text: 'an object' } },
    { ...stored.next(toHal), body: `"${'x'.repeat(17_000)}"` },
    { ...stored.next(toHal), seq: 'one' },
    { ...stored.next(toHal), to: { user: 'hal', group: 'team' } },
    { ...stored.next(toHal), to: { users: ['hal', 1] } },
    { ...stored.next(toHal), at: 'today' },
    { ...stored.next(toHal), type: 'edited' },
    { ...stored.next(toHal), type: 'new' },
    { _id: 'empty' },
  ]
  await stored.collection('messages').insertMany(bad)
  await stored.collection('memberships').insertOne({ _id: 'no-membership', group: 1 })
  await stored.collection('cursors').insertOne({ _id: 'no-cursor', user: 'hal' })
  await stored.collection('revocations').insertOne({ _id: 'no-revocation', sub: 'hal' })
  const last = await stored.send(toHal)
  await eventually(() => expect(ann.heard.ids).toEqual([exact, last]))
  expect(ann.heard.bodies[0]).toEqual({ n: 1, a: [100, 'é\n'] })
  const { feed } = await delivery.status()
  expect(feed.unreadable).toEqual({ messages: bad.length, memberships: 1, cursors: 1, revocations: 1 })
  expect(log.lines.filter(({ message }) => message === 'a change was skipped')).toHaveLength(1)
  expect(ann.heard.events).toEqual(['connecting 0'])
})

test('D65 when memberships change in a way that the feed does not carry, clients reconnect and these are read again', async () => {
  await using delivery = await start()
  await stored.member('ida', 'room', [{ from: 1 }])
  using ida = await openClient(delivery.webSocketUrl, 'ida')
  await ida.client.ready()
  const toRoom = { from: 'bob', to: { group: 'room' } }
  const first = await stored.send(toRoom)
  await eventually(() => expect(ida.heard.ids).toEqual([first]))
  await stored.collection('memberships').updateOne({ user: 'ida' }, { $set: { 'intervals.0.to': 1 } })
  await stored.send(toRoom)
  await eventually(() => expect(ida.heard.events).toContain('connecting 3010'))
  await ida.client.ready()
  await stored.member('ida', 'room', [{ from: 3 }])
  const third = await stored.send(toRoom)
  await eventually(() => expect(ida.heard.ids).toEqual([first, third]))
  expect(ida.heard.recoveries).toEqual([true])
  await stored.collection('memberships').deleteOne({ user: 'ida' })
  await eventually(() => expect(ida.heard.recoveries).toHaveLength(2))
  await ida.client.ready()
  await stored.send(toRoom)
  const own = await stored.send({ from: 'bob', to: { user: 'ida' } })
  await eventually(() => expect(ida.heard.ids).toEqual([first, third, own]))
})

test('D66 what was edited or deleted is not replayed, not even by an instance that starts later', async () => {
  const toJon = { from: 'bob', to: { user: 'jon' } }
  const ref = await stored.send({ ...toJon, body: '"a secret"' })
  const edit = await stored.change(ref, { ...toJon, type: 'edited', body: '"fine"' })
  const other = await stored.send({ ...toJon, body: '"another secret"' })
  const removal = await stored.change(other, { ...toJon, type: 'deleted' })
  await using delivery = await start()
  using jon = await openClient(delivery.webSocketUrl, 'jon')
  await jon.client.ready()
  const { publications } = await jon.client.history('#jon', { limit: 300 })
  expect(publications.map(({ data }) => [data.id, data.body])).toEqual([
    [ref, undefined],
    [edit, 'fine'],
    [other, undefined],
    [removal, undefined],
  ])
})

test('D67 metrics and status tell connections, deliveries, closes, lag, ring, feed and guard', async () => {
  await using delivery = await start()
  using kim = await openClient(delivery.webSocketUrl, 'kim')
  using bob = await openClient(delivery.webSocketUrl, 'bob')
  await Promise.all([kim, bob].map(({ client }) => client.ready()))
  const id = await stored.send({ from: 'bob', to: { user: 'kim' } })
  await eventually(() => expect(kim.heard.ids).toEqual([id]))
  await eventually(() => expect(bob.heard.ids).toEqual([id]))
  bob.client.disconnect()
  await eventually(async () => expect((await delivery.status()).connections).toBe(1))
  expect(await delivery.status()).toMatchObject({
    role: 'delivery',
    users: 1,
    streams: 0,
    deliveries: 2,
    closes: { disconnected: 1 },
    lag: { count: 1, p50Ms: expect.any(Number), p99Ms: expect.any(Number) },
    ring: { bytes: expect.any(Number), windowSeconds: expect.any(Number) },
    feed: {
      state: 'live',
      position: expect.stringMatching(/^[0-9a-f]{8}\.[0-9a-f]{16}$/),
      lagSeconds: expect.any(Number),
      ageMs: expect.any(Number),
    },
    guard: { layers: { veto: 'standing', role: 'standing', tokens: 'absent' } },
  })
  const metrics = await delivery.metrics()
  for (const line of [
    'delivery_connections{transport="websocket"} 1',
    'delivery_connections{transport="sse"} 0',
    'delivery_sent_total 2',
    'delivery_closes_total{reason="disconnected"} 1',
    'delivery_lag_seconds_count 1',
    'delivery_feed_healthy 1',
    'delivery_feed_restarts_total 0',
    'guard_layer_standing{layer="role"} 1',
  ])
    expect(metrics).toContain(`\nfreshet_${line}\n`)
  expect(metrics).toMatch(/^freshet_delivery_ring_bytes [1-9]/m)
})
