import { expect, test } from '@jest/globals'
import { seededRandom } from '@freshet/testkit'
import type { Publication } from '../src/publication.ts'
import { messagePublication } from '../src/publication.ts'
import { Hub } from '../src/hub.ts'
import { offsetOf } from '../src/offset.ts'
import type { Member } from '../src/user-entry.ts'
import type { FeedBatch, FeedChange, FeedSink, FeedStart } from '../src/index.ts'
import { openBench } from './support/bench.ts'
import { EPOCH, ScriptedFeed, SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'
import { walk } from './support/walk.ts'

const as = (user: string, since?: number) => ({
  id: 1,
  connect: {
    token: tokenOf(user),
    ...(since !== undefined && { subs: { [`#${user}`]: { recover: true, epoch: EPOCH, offset: since } } }),
  },
})

test('D20 a message reaches every device of its sender and its recipients once, and nobody else', async () => {
  const { client, feed, settle } = openBench()
  const [ann, annToo, bob, cem] = [
    await client(as('ann')),
    await client(as('ann')),
    await client(as('bob')),
    await client(as('cem')),
  ]
  const { id } = feed.message({ from: 'ann', to: { user: 'bob' }, clientId: 'c-1' })
  feed.message({ from: 'dee', to: { user: 'eve' } })
  const toMany = feed.message({ from: 'ann', to: { users: ['bob', 'bob', 'ann', 'cem'] } })
  await settle()
  for (const { socket } of [ann, annToo, bob]) expect(socket.ids).toEqual([id, toMany.id])
  expect(cem.socket.ids).toEqual([toMany.id])
  expect(ann.socket.lines.at(-2)?.push).toEqual({
    channel: '#ann',
    pub: {
      offset: offsetOf(SECOND, 1),
      time: SECOND * 1_000,
      tags: { conv: 'conv-["ann",{"user":"bob"}]', type: 'message' },
      data: {
        id,
        clientId: 'c-1',
        conv: 'conv-["ann",{"user":"bob"}]',
        seq: 1,
        from: 'ann',
        to: { user: 'bob' },
        at: '2026-11-29T12:00:00.000Z',
        type: 'message',
        body: { text: '1' },
      },
    },
  })
})

test('D20 one who has left gets nothing, and nothing of them is kept', async () => {
  const { client, feed, settle, delivery } = openBench()
  const { socket, connection } = await client(as('ann'))
  connection.disconnected()
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(socket.publications).toEqual([])
  expect(socket.closed).toBeUndefined()
  expect(delivery.figures()).toMatchObject({ connections: 0, users: 0, closes: { disconnected: 1 } })
  // Its ping and its expiry are gone too; the sweep for quiet clients stays.
  expect(delivery.wheel.size).toBe(1)
})

test('D21 a member sees what lies in their intervals, live, in replay and in history alike', async () => {
  const { client, feed, settle, reads } = openBench()
  const always = await client(as('ann'))
  const seen: string[] = []
  const send = (): string => feed.message({ from: 'bob', to: { group: 'g' } }).id
  send()
  feed.member('ann', 'g')
  seen.push(send(), send())
  feed.member('ann', 'g', [{ from: 2, to: 3 }])
  send()
  feed.member('ann', 'g', [{ from: 2, to: 3 }, { from: 5 }])
  seen.push(send())
  await settle()
  expect(always.socket.ids).toEqual(seen)
  reads.memberships.push({ user: 'ann', group: 'g', intervals: [{ from: 2, to: 3 }, { from: 5 }] })
  const other = openBench({}, feed)
  other.reads.memberships.push(...reads.memberships)
  const later = await client(as('ann', offsetOf(SECOND, 0)))
  expect(later.socket.ids).toEqual(seen)
  await later.send({ id: 2, history: { channel: '#ann', limit: -1 } })
  expect(later.socket.lines.at(-1)?.history?.publications.map(({ data }) => data.id)).toEqual(seen)
})

test('D21 a membership that begins later shows nothing before, live either', async () => {
  const { client, feed, settle } = openBench()
  const { socket } = await client(as('ann'))
  feed.member('ann', 'g', [{ from: 2 }])
  feed.message({ from: 'bob', to: { group: 'g' } })
  const { id } = feed.message({ from: 'bob', to: { group: 'g' } })
  await settle()
  expect(socket.ids).toEqual([id])
})

test('D21 one who was removed from a group gets what was sent before, and nothing after', async () => {
  const { client, feed, reads, settle } = openBench()
  reads.memberships.push({ user: 'ann', group: 'g', intervals: [{ from: 1 }] })
  const first = feed.message({ from: 'bob', to: { group: 'g' } }).id
  const live = await client(as('ann', offsetOf(SECOND, 0)))
  feed.member('ann', 'g', [{ from: 1, to: 1 }])
  feed.message({ from: 'bob', to: { group: 'g' } })
  const again = await client(as('ann', offsetOf(SECOND, 0)))
  await settle()
  expect([live.socket.ids, again.socket.ids]).toEqual([[first], [first, 'position']])
})

test('D21 changes that come while memberships are read count over what the read brings', async () => {
  const { client, feed, reads, settle } = openBench()
  reads.memberships.push({ user: 'ann', group: 'left', intervals: [{ from: 1 }] })
  let open = (): void => undefined
  reads.gate = new Promise((resolve) => (open = resolve))
  const { socket } = await client(as('ann'))
  feed.member('ann', 'left', [{ from: 1, to: 1 }])
  feed.member('ann', 'joined')
  open()
  await settle()
  await settle()
  feed.message({ from: 'bob', to: { group: 'left' } })
  feed.message({ from: 'bob', to: { group: 'left' } })
  const { id } = feed.message({ from: 'bob', to: { group: 'joined' } })
  await settle()
  expect(socket.ids).toEqual([id])
})

test('D21 memberships are read once for connections that come together, and not again while one is there', async () => {
  const { client, reads, settle } = openBench()
  let open = (): void => undefined
  reads.gate = new Promise((resolve) => (open = resolve))
  const clients = [await client(as('ann')), await client(as('ann'))]
  open()
  await settle()
  await settle()
  clients.push(await client(as('ann')))
  expect(clients.map(({ connection }) => connection.state)).toEqual(['open', 'open', 'open'])
  expect(reads.asked).toEqual(['ann'])
})

test('D21 memberships that cannot be read are a temporary error, and so are those that take too long', async () => {
  const { client, reads, pass, settle } = openBench()
  reads.gate = Promise.reject(new Error('no database'))
  reads.gate.catch(() => undefined)
  const { socket } = await client(as('ann'))
  expect(socket.lines[0]?.error?.code).toBe(100)
  reads.gate = new Promise(() => undefined)
  const late = await client(as('ann'))
  await pass(4_250)
  await settle()
  expect(late.socket.lines[0]?.error?.code).toBe(100)
  expect(late.socket.closed).toBeUndefined()
})

/** A member that counts what it is asked. */
class Counting implements Member {
  readonly groups = []
  readonly issuedAt = 0
  readonly offset = 0
  pushed = 0
  push(_publication: Publication): boolean {
    this.pushed += 1
    return true
  }
  end(): void {}
}

test('D22 a publication costs for those it is addressed to, and for nobody else', () => {
  const hub = new Hub()
  const members = Array.from({ length: 1_000 }, (_, index) => {
    const entry = hub.acquire(`user-${index}`)
    const group = index < 5 ? 'few' : 'many'
    hub.fill(entry, { memberships: [{ user: entry.user, group, intervals: [{ from: 1 }] }], notBefore: 0 })
    const member = new Counting()
    hub.join(entry, member)
    return member
  })
  const feed = new ScriptedFeed()
  hub.publish(messagePublication(feed.message({ from: 'x', to: { group: 'few' } }), 1))
  hub.publish(messagePublication(feed.message({ from: 'x', to: { user: 'user-7' } }), 2))
  expect(members.reduce((sum, { pushed }) => sum + pushed, 0)).toBe(6)
  expect(hub.deliveries).toBe(6)
})

test('D23 a read cursor reaches the devices of its reader, and nobody else', async () => {
  const { client, feed, settle } = openBench()
  const [ann, bob] = [await client(as('ann')), await client(as('bob'))]
  feed.cursor('ann', 'c', 7)
  await settle()
  expect(ann.socket.publications).toMatchObject([{ tags: { conv: 'c', type: 'cursor' }, data: { read: 7 } }])
  expect(bob.socket.publications).toEqual([])
})

test('D24 whatever happens, each user has got what was addressed to them, once and in order', async () => {
  const { expected, got } = await walk(seededRandom())
  expect(expected.get('ann')?.length).toBeGreaterThan(100)
  expect(got).toEqual(expected)
})

/** Passes everything on, but for one fault. */
abstract class Faulty implements FeedSink {
  readonly sink: FeedSink
  constructor(sink: FeedSink) {
    this.sink = sink
  }
  begin(start: FeedStart): void {
    this.sink.begin(start)
  }
  apply({ changes, through }: FeedBatch): void {
    this.sink.apply({ changes: changes.map((change) => this.changed(change)), through })
  }
  abstract changed(change: FeedChange): FeedChange
}

class WithoutIntervals extends Faulty {
  changed(change: FeedChange): FeedChange {
    if (change.kind !== 'membership') return change
    return { ...change, membership: { ...change.membership, intervals: [{ from: 0 }] } }
  }
}

class WithoutLeaving extends Faulty {
  changed(change: FeedChange): FeedChange {
    if (change.kind !== 'membership') return change
    const intervals = change.membership.intervals.map(({ from }) => ({ from }))
    return { ...change, membership: { ...change.membership, intervals } }
  }
}

/** Every message comes after the one that follows it. */
class WithoutOrder extends Faulty {
  #held: FeedChange | undefined
  override apply(batch: FeedBatch): void {
    const [change] = batch.changes
    if (change?.kind === 'message' && !this.#held) {
      this.#held = change
      return
    }
    const held = this.#held ? [{ ...this.#held, second: batch.through.second }] : []
    this.#held = undefined
    super.apply({ ...batch, changes: [...batch.changes, ...held] })
  }
  changed(change: FeedChange): FeedChange {
    return change
  }
}

test.each([
  ['the membership intervals', { sink: (sink: FeedSink) => new WithoutIntervals(sink) }],
  ['the end of a membership', { sink: (sink: FeedSink) => new WithoutLeaving(sink) }],
  ['the order of the feed', { sink: (sink: FeedSink) => new WithoutOrder(sink) }],
  ['recovery', { place: () => undefined }],
  ['the place of a client', { place: (offset: number) => offset - 1 }],
] as const)('D24 the walk notices when %s is taken away', async (_, fault) => {
  const { expected, got } = await walk(seededRandom(), fault)
  expect(got).not.toEqual(expected)
})
