import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conversationId } from '@freshet/messages'
import { eventually } from '@freshet/testkit'
import { openClient, type ClientOptions, type Heard } from './support/real-client.ts'
import { signedToken } from './support/real-delivery.ts'
import type { ServiceProcess } from './support/service-process.ts'
import { StoredMessages } from './support/stored-messages.ts'
import { openSystem, type System } from './support/system.ts'

let system: System
let one: ServiceProcess
let other: ServiceProcess
beforeAll(async () => {
  system = await openSystem({ args: ['--ring-size=256KiB', '--stop-within=2s'] })
  const [first, second] = system.deliveries
  if (!first || !second) throw new Error('expected two instances')
  one = first
  other = second
})
afterAll(() => system[Symbol.asyncDispose]())

/** The same user on two devices, with both versions of npm `centrifuge`. */
async function openBoth(url: string | (() => string), sub: string, options: ClientOptions = {}) {
  const clients = await Promise.all(
    (['5.8.0', '5.7.4'] as const).map((sdk) => openClient(url, sub, { ...options, sdk })),
  )
  await Promise.all(clients.map(({ client }) => client.ready()))
  return {
    clients,
    /** Resolves when each has got exactly these, in this order. 5.7.4 swaps them by itself (D55), so its offsets decide. */
    got: (ids: readonly string[]) =>
      eventually(() => {
        const [newer, older] = clients.map(({ heard }) => heard)
        expect({ '5.8.0': newer?.ids, '5.7.4': older && idsByOffset(older) }).toEqual({
          '5.8.0': ids,
          '5.7.4': ids,
        })
      }),
    recoveries: () => clients.map(({ heard }) => heard.recoveries),
    go: () => clients.forEach(({ client }) => client.disconnect()),
    come: async () => {
      for (const { client } of clients) client.connect()
      await Promise.all(clients.map(({ client }) => client.ready()))
    },
    [Symbol.dispose]: () => clients.forEach((client) => client[Symbol.dispose]()),
  }
}

/** As an application sorts what it hears. */
function idsByOffset({ ids, offsets }: Heard): readonly (string | undefined)[] {
  return ids
    .map((id, at) => ({ id, offset: offsets[at] ?? 0 }))
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ id }) => id)
}

/** Each connection goes to the next instance. */
function byTurns(): () => string {
  let turn = 0
  return () => (turn++ % 2 === 0 ? one : other).webSocketUrl
}

async function newGroup(group: string, ...members: readonly string[]): Promise<void> {
  await system.write('chief', 'PUT', `groups/${group}`)
  for (const user of members) await system.write('chief', 'PUT', `groups/${group}/members/${user}`)
}

/** Sends so many messages one after the other; `at` is called in the midst. Resolves with their ids. */
async function burst(count: number, sub: string, at: () => unknown): Promise<readonly string[]> {
  const ids: string[] = []
  for (let sent = 0; sent < count; sent++) {
    if (sent === Math.floor(count / 3)) void at()
    ids.push((await system.send('zoe', { user: sub }, sent)).id)
  }
  return ids
}

test('A1 members on different instances get a message once, and one who was away gets it from another instance', async () => {
  await newGroup('a1', 'a1-ann', 'a1-bob', 'a1-cem')
  using ann = await openBoth(one.webSocketUrl, 'a1-ann')
  using cem = await openBoth(other.webSocketUrl, 'a1-cem')
  const urls = [one.webSocketUrl]
  using bob = await openBoth(() => urls.at(-1) ?? '', 'a1-bob')
  const ids = [(await system.send('a1-ann', { group: 'a1' })).id]
  await Promise.all([ann, bob, cem].map(({ got }) => got(ids)))
  bob.go()
  ids.push((await system.send('a1-ann', { group: 'a1' })).id)
  await Promise.all([ann, cem].map(({ got }) => got(ids)))
  urls.push(other.webSocketUrl)
  await bob.come()
  await bob.got(ids)
  expect(bob.recoveries()).toEqual([[true], [true]])
})

test('A2 an instance that is killed in a burst loses nothing, doubles nothing, and changes no order', async () => {
  using ann = await openBoth(byTurns(), 'a2-ann')
  const ids = await burst(60, 'a2-ann', () => one.end('SIGKILL'))
  await ann.got(ids)
  expect(ann.recoveries().flat()).toContain(true)
  await one.startAgain()
})

test('A3 a rolling restart of all instances under load loses nothing', async () => {
  using ann = await openBoth(byTurns(), 'a3-ann')
  using bob = await openBoth(() => other.webSocketUrl, 'a3-bob')
  const restarted = { all: false }
  const restart = async (): Promise<void> => {
    for (const each of [one, other]) {
      await each.end('SIGTERM')
      await each.startAgain()
    }
    restarted.all = true
  }
  const restarting = restart()
  const ids: string[] = []
  while (!restarted.all) {
    ids.push((await system.send('zoe', { users: ['a3-ann', 'a3-bob'] })).id)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await restarting
  await Promise.all([ann, bob].map(({ got }) => got(ids)))
  for (const { heard } of [...ann.clients, ...bob.clients]) {
    expect(heard.events).toContain('connecting 3001')
    expect(heard.recoveries).not.toContain(false)
  }
})

test('A4 one who was asleep for longer than the ring is told, and finds what is missing by its seq', async () => {
  using bob = await openBoth(one.webSocketUrl, 'a4-bob')
  const first = await system.send('zoe', { user: 'a4-bob' })
  await bob.got([first.id])
  bob.go()
  const missed: string[] = []
  for (let count = 0; count < 20; count++)
    missed.push((await system.send('zoe', { user: 'a4-bob' }, 'x'.repeat(16_000))).id)
  await bob.come()
  await eventually(() => expect(bob.recoveries()).toEqual([[false], [false]]))
  await bob.got([first.id])
  const position = bob.clients[0]?.heard.positions.at(-1) ?? ''
  expect(position).toMatch(/^[0-9a-f]{8}\.[0-9a-f]{16}$/)
  const page = await system.read('a4-bob', `conversations/${first.conv}/messages?after=1&limit=300`, position)
  expect(page).toMatchObject({
    messages: missed.map((id, index) => ({ id, seq: index + 2 })),
    more: false,
  })
  const last = await system.send('zoe', { user: 'a4-bob' })
  expect(last.seq).toBe(22)
  await bob.got([first.id, last.id])
})

test('A5 a token that expires is replaced while connected, and also after it expired in the sleep', async () => {
  const now = (): number => Math.floor(Date.now() / 1_000)
  const asked: number[] = []
  const getToken = async (): Promise<string> => {
    asked.push(now())
    return await signedToken('a5-ann', { exp: now() + (asked.length <= 2 ? 2 : 3_600) })
  }
  using ann = await openBoth(one.webSocketUrl, 'a5-ann', { claims: { exp: now() - 60 }, getToken })
  for (const { heard } of ann.clients) expect(heard.events).toContain('error 109')
  await eventually(() => expect(asked.length).toBeGreaterThanOrEqual(4))
  const ids = [(await system.send('zoe', { user: 'a5-ann' })).id]
  await ann.got(ids)
  for (const { heard } of ann.clients) expect(heard.positions).toHaveLength(1)
  using cem = await openBoth(one.webSocketUrl, 'a5-cem', { claims: { exp: now() + 1 } })
  cem.go()
  ids.push((await system.send('zoe', { user: 'a5-cem' })).id)
  // The services allow for clocks that differ by five seconds.
  const expired = now() + 7
  await eventually(() => expect(now()).toBeGreaterThan(expired), { everyMs: 100 })
  const fresh = await signedToken('a5-cem')
  for (const { client } of cem.clients) {
    client.setToken(fresh)
  }
  await cem.come()
  await cem.got(ids.slice(1))
  expect(cem.recoveries()).toEqual([[true], [true]])
})

test('A6 one who is added and removed in the middle of a burst gets exactly what was sent in between', async () => {
  await newGroup('a6', 'a6-ann')
  using ann = await openBoth(one.webSocketUrl, 'a6-ann')
  using dee = await openBoth(other.webSocketUrl, 'a6-dee')
  const sent: { readonly id: string; readonly seq: number }[] = []
  const member = 'groups/a6/members/a6-dee'
  const changes = async (): Promise<void> => {
    for (const size of [10, 20, 30, 40]) {
      await eventually(() => expect(sent.length).toBeGreaterThanOrEqual(size), { everyMs: 5 })
      await system.write('chief', size % 20 === 10 ? 'PUT' : 'DELETE', member)
    }
  }
  const changing = changes()
  for (let count = 0; count < 60; count++) sent.push(await system.send('a6-ann', { group: 'a6' }))
  await changing
  const stored = await system.db.admin
    .db('shop_messages')
    .collection<{ readonly intervals: readonly { readonly from: number; readonly to: number }[] }>(
      'memberships',
    )
    .findOne({ user: 'a6-dee', group: 'a6' })
  const intervals = stored?.intervals ?? []
  expect(intervals).toHaveLength(2)
  const seen = sent.filter(({ seq }) => intervals.some(({ from, to }) => from <= seq && seq <= to))
  expect(seen.length).toBeGreaterThan(2)
  await dee.got(seen.map(({ id }) => id))
  await ann.got(sent.map(({ id }) => id))
  using again = await openBoth(one.webSocketUrl, 'a6-dee')
  for (const { client } of again.clients) {
    const { publications } = await client.history('#a6-dee', { limit: 300 })
    expect(publications.map(({ data }: { readonly data: { readonly id: string } }) => data.id)).toEqual(
      seen.map(({ id }) => id),
    )
  }
})

test('A7 a client that stops reading is closed as slow, is told of its gap, and others are not affected', async () => {
  using slow = await openBoth(one.webSocketUrl, 'a7-ann')
  using bob = await openBoth(one.webSocketUrl, 'a7-bob')
  for (const { sockets } of slow.clients) sockets.at(-1)?.pause()
  const closed = async (): Promise<number> =>
    Number(/closes_total\{reason="slow"\} (\d+)/.exec(await one.metrics())?.[1] ?? 0)
  // Far more than the buffers of the system, so not one by one through the writer.
  const stored = new StoredMessages(system.db)
  const message = { from: 'mass', to: { user: 'a7-ann' }, body: JSON.stringify('x'.repeat(16_000)) }
  const insertBatch = (): Promise<void> => stored.sendMany(50, message)
  for (let batches = 0; (await closed()) < 2 && batches < 100; batches++) await insertBatch()
  expect(await closed()).toBe(2)
  // A client that reads again at once still gets what was sent before the close. More than one replay holds comes after it.
  for (let batches = 0; batches < 7; batches++) await insertBatch()
  for (const { sockets } of slow.clients) sockets.at(-1)?.resume()
  await eventually(() => expect(slow.recoveries()).toEqual([[false], [false]]))
  for (const { heard } of slow.clients) expect(heard.events).toContain('connecting 3008')
  const { id } = await system.send('zoe', { users: ['a7-ann', 'a7-bob'] })
  await bob.got([id])
  // Not as the last one: 5.7.4 may hear it before others that came in the same read.
  await eventually(() => {
    for (const { heard } of slow.clients) expect(heard.ids).toContain(id)
  })
})

test('A9 a message that is sent twice is stored and delivered once', async () => {
  using ann = await openBoth(other.webSocketUrl, 'a9-ann')
  const message = { to: { user: 'a9-ann' }, body: { text: 'once' }, clientId: randomUUID() }
  const answers = await Promise.all([1, 2, 3].map(() => system.write('zoe', 'POST', 'messages', message)))
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 201])
  const ids = [...new Set(answers.map(({ body }) => body.id))]
  expect(ids).toHaveLength(1)
  ids.push((await system.send('zoe', { user: 'a9-ann' })).id)
  await ann.got(ids)
})

test('A11 a page that is reloaded goes on at its stored position, on another instance', async () => {
  using before = await openBoth(one.webSocketUrl, 'a11-ann')
  const ids = [(await system.send('zoe', { user: 'a11-ann' })).id]
  await before.got(ids)
  const offset = before.clients[0]?.heard.offsets.at(-1)
  const { epoch } = (await before.clients[0]?.client.history('#a11-ann', { limit: 0 })) ?? {}
  before.go()
  ids.push((await system.send('zoe', { user: 'a11-ann' })).id)
  using after = await openBoth(other.webSocketUrl, 'a11-ann', { data: { since: { epoch, offset } } })
  await after.got(ids.slice(1))
  expect(after.recoveries()).toEqual([[true], [true]])
})

test('A12 all instances have the same offsets for the same messages, also one that was started again', async () => {
  using ann = await openBoth(one.webSocketUrl, 'a12-ann')
  using annToo = await openBoth(other.webSocketUrl, 'a12-ann')
  const ids = await burst(20, 'a12-ann', () => undefined)
  await system.write('a12-ann', 'POST', 'acks', [{ conv: conversationId(['a12-ann', 'zoe']), read: 3 }])
  await Promise.all([ann, annToo].map(({ got }) => got([...ids, 'cursor'])))
  const [first = { heard: { offsets: [] } }] = ann.clients
  const [newer, older] = annToo.clients.map(({ heard }) => heard.offsets)
  // 5.7.4 swaps what came in one read (D55). That each offset has its message was compared before.
  expect({ '5.8.0': newer, '5.7.4': older?.toSorted((a, b) => a - b) }).toEqual({
    '5.8.0': first.heard.offsets,
    '5.7.4': first.heard.offsets,
  })
  await one.end('SIGKILL')
  await one.startAgain()
  using later = await openBoth(one.webSocketUrl, 'a12-ann')
  for (const { client } of later.clients) {
    const { publications } = await client.history('#a12-ann', { limit: 300 })
    expect(publications.map(({ offset }) => offset)).toEqual(first.heard.offsets)
  }
})
