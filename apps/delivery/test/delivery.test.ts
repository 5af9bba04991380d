import { expect, test } from '@jest/globals'
import { seededRandom } from '@freshet/testkit'
import type { Publication } from '../src/publication.ts'
import { messagePublication } from '../src/publication.ts'
import { Hub } from '../src/hub.ts'
import { offsetOf } from '../src/offset.ts'
import type { Member } from '../src/user-entry.ts'
import { openBench } from './support/bench.ts'
import { EPOCH, ScriptedFeed, SECOND } from './support/scripted-feed.ts'
import { tokenOf } from './support/tokens.ts'

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
  connection.gone()
  feed.message({ from: 'bob', to: { user: 'ann' } })
  await settle()
  expect(socket.publications).toEqual([])
  expect(socket.closed).toBeUndefined()
  expect(delivery.figures()).toMatchObject({ connections: 0, users: 0, closes: { gone: 1 } })
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
  push(_publication: Publication): void {
    this.pushed += 1
  }
  end(): void {}
}

test('D22 a publication costs for those it is addressed to, and for nobody else', () => {
  const hub = new Hub()
  const members = Array.from({ length: 1_000 }, (_, index) => {
    const entry = hub.hold(`user-${index}`)
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
  const random = seededRandom()
  const users = ['ann', 'bob', 'cem', 'dee']
  const groups = ['g', 'h']
  const feed = new ScriptedFeed()
  const benches = [openBench({}, feed), openBench({}, feed)]
  const expected = new Map(users.map((user) => [user, [] as string[]]))
  const got = new Map(users.map((user) => [user, [] as (string | undefined)[]]))
  const members = new Map(groups.map((group) => [group, new Map<string, { from: number; to?: number }[]>()]))
  const offsets = new Map(users.map((user) => [user, offsetOf(SECOND, 0)]))
  const clients = new Map<string, Awaited<ReturnType<(typeof benches)[0]['client']>>>()
  const leave = (user: string): void => {
    const socket = clients.get(user)?.socket
    if (!socket) return
    got.get(user)?.push(...socket.ids.filter((id) => id !== 'position'))
    const sub = socket.lines[0]?.connect?.subs[`#${user}`]
    const last = socket.publications.at(-1) ?? sub?.publications.at(-1) ?? sub
    if (last) offsets.set(user, last.offset)
    clients.get(user)?.connection.gone()
    clients.delete(user)
  }
  for (let step = 0; step < 1_500; step++) {
    const user = random.pick(users)
    const group = random.pick(groups)
    const intervals = members.get(group)?.get(user) ?? []
    const dice = random.below(10)
    if (dice < 5) {
      const to = dice < 2 ? { user } : { group }
      const message = feed.message({ from: 'zoe', to })
      for (const one of users) {
        const list = members.get(group)?.get(one) ?? []
        const isIn = list.some(
          ({ from, to: until = Infinity }) => from <= message.seq && message.seq <= until,
        )
        if ('user' in to ? one === user : isIn) expected.get(one)?.push(message.id)
      }
    } else if (dice < 7) {
      const last = intervals.at(-1)
      const seq = feed.seqOf(group)
      const next =
        last && last.to === undefined
          ? [...intervals.slice(0, -1), { from: last.from, to: seq }]
          : [...intervals, { from: seq + 1 }]
      members.get(group)?.set(user, next)
      for (const { reads } of benches) {
        const index = reads.memberships.findIndex((one) => one.user === user && one.group === group)
        if (index >= 0) reads.memberships.splice(index, 1)
        reads.memberships.push({ user, group, intervals: next })
      }
      feed.member(user, group, next)
    } else if (dice < 9) {
      leave(user)
      clients.set(user, await random.pick(benches).client(as(user, offsets.get(user))))
    } else feed.pass(1)
    if (random.below(3) === 0) for (const { settle } of benches) await settle()
  }
  for (const { settle } of benches) await settle()
  for (const user of users) {
    leave(user)
    clients.set(user, await random.pick(benches).client(as(user, offsets.get(user))))
    leave(user)
  }
  expect(expected.get('ann')?.length).toBeGreaterThan(100)
  expect(got).toEqual(expected)
})
