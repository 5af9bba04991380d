import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { CutProxy, eventually, holdReplication, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { openClient } from './support/real-client.ts'
import { startDelivery, type RealDelivery } from './support/real-delivery.ts'
import { StoredMessages } from './support/stored-messages.ts'

let db: TestDatabase
let stored: StoredMessages
beforeAll(async () => {
  db = await openTestDatabase({ nodes: 3, cacheSizeGb: 1, messages: true })
  stored = new StoredMessages(db)
})
afterAll(() => db[Symbol.asyncDispose]())

const toAnn = { from: 'bob', to: { user: 'ann' } }
/** Only the heartbeat can make it unready. */
const onlyAlive = { aliveWithin: '1s', argv: ['--unready-after=1h'] }
const silent = 'no heartbeat of a writer and no message for more than 1000 ms'

async function expectSilent(delivery: RealDelivery): Promise<void> {
  await eventually(async () => expect(await delivery.unready()).toContain(silent))
  const { feed } = await delivery.status()
  expect(feed.aliveAgeMs).toBeGreaterThan(1_000)
  expect(await delivery.metrics()).toMatch(/^freshet_delivery_feed_healthy 0$/m)
  expect(await delivery.metrics()).toMatch(/^freshet_delivery_feed_alive_age_seconds [1-9]/m)
}

test('D71 a primary without a majority goes on answering, and makes the service unready', async () => {
  await using _ = stored.beat()
  await using delivery = await startDelivery({ uri: db.uriFor('delivery'), ...onlyAlive })
  await delivery.ready()
  using ann = await openClient(delivery.webSocketUrl, 'ann')
  await ann.client.ready()
  let late: Promise<string>
  {
    await using held = await holdReplication(db)
    await expectSilent(delivery)
    // The server answers all the time that there is nothing new.
    const { feed } = await delivery.status()
    expect(feed).toMatchObject({ state: 'live', breaks: {} })
    expect(feed.ageMs).toBeLessThan(feed.aliveAgeMs ?? 0)
    late = stored.send(toAnn)
    expect(ann.heard.ids).toEqual([])
    expect(held).toBeDefined()
  }
  const id = await late
  await eventually(() => expect(ann.heard.ids).toEqual([id]))
  await delivery.ready()
  expect(ann.heard.events).toEqual(['connecting 0'])
})

test('D71 a stream that falls silent makes it unready, and so does a database without a writer', async () => {
  await using proxy = await CutProxy.open(db.port)
  await using delivery = await startDelivery({ uri: proxy.uriThrough(db.uriFor('delivery')), ...onlyAlive })
  {
    await using _ = stored.beat()
    await delivery.ready()
    proxy.blackHole()
    await expectSilent(delivery)
    proxy.resume()
    await delivery.ready()
  }
  await expectSilent(delivery)
  await stored.send(toAnn)
  await delivery.ready()
})

test('D70 a transaction too large for its contents to arrive is a gap that clients are told of', async () => {
  await using delivery = await startDelivery({ uri: db.uriFor('delivery') })
  await delivery.ready()
  using ann = await openClient(delivery.webSocketUrl, 'ann')
  await ann.client.ready()
  const first = await stored.send(toAnn)
  await eventually(() => expect(ann.heard.ids).toContain(first))
  // 66 MiB. Clients that were away cannot tell that they missed these.
  await stored.sendTogether(300, 230_400, toAnn)
  await eventually(() => expect(ann.heard.recoveries).toEqual([false]))
  expect(ann.heard.events).toContain('connecting 3010')
  const last = await stored.send(toAnn)
  await eventually(() => expect(ann.heard.ids.at(-1)).toBe(last))
  const { feed } = await delivery.status()
  expect(feed.unreadable['messages']).toBe(300)
  expect(feed.restarts).toBeGreaterThan(0)
})
