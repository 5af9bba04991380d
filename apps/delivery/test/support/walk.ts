import type { SeededRandom } from '@freshet/testkit'
import type { Interval } from '@freshet/messages'
import type { FeedSink } from '../../src/index.ts'
import { offsetOf } from '../../src/offset.ts'
import { openBench } from './bench.ts'
import { EPOCH, ScriptedFeed, SECOND } from './scripted-feed.ts'
import { tokenOf } from './tokens.ts'

/** A fault that a walk has to notice. */
export interface WalkFault {
  readonly sink?: (sink: FeedSink) => FeedSink
  /** What a client says that it has, instead of the truth. */
  readonly place?: (offset: number) => number | undefined
}

const users = ['ann', 'bob', 'cem', 'dee']
const groups = ['g', 'h']

/** What is addressed to whom, by the rules alone. */
class Truth {
  readonly expected = new Map(users.map((user) => [user, [] as string[]]))
  readonly #members = new Map<string, readonly Interval[]>()

  intervals(user: string, group: string): readonly Interval[] {
    return this.#members.get(`${user} ${group}`) ?? []
  }

  /** Joins, or leaves. */
  turn(user: string, group: string, seq: number): readonly Interval[] {
    const all = this.intervals(user, group)
    const last = all.at(-1)
    const isMember = last !== undefined && last.to === undefined
    const next = isMember ? [...all.slice(0, -1), { from: last.from, to: seq }] : [...all, { from: seq + 1 }]
    this.#members.set(`${user} ${group}`, next)
    return next
  }

  sent(id: string, seq: number, to: { readonly user: string } | { readonly group: string }): void {
    for (const user of users) {
      const may =
        'user' in to
          ? to.user === user
          : this.intervals(user, to.group).some(
              ({ from, to: until = Infinity }) => from <= seq && seq <= until,
            )
      if (may) this.expected.get(user)?.push(id)
    }
  }
}

/** Users who come, go and come back on two instances, and what they got of what was sent meanwhile. */
export async function walk(random: SeededRandom, { sink, place = (offset) => offset }: WalkFault = {}) {
  const feed = new ScriptedFeed()
  const truth = new Truth()
  const benches = [openBench({}, feed, sink), openBench({}, feed, sink)]
  const got = new Map(users.map((user) => [user, [] as (string | undefined)[]]))
  const offsets = new Map<string, number>()
  const clients = new Map<string, Awaited<ReturnType<(typeof benches)[0]['client']>>>()

  const leave = (user: string): void => {
    const client = clients.get(user)
    if (!client) return
    const { socket, connection } = client
    got.get(user)?.push(...socket.ids.filter((id) => id !== 'position'))
    const sub = socket.lines[0]?.connect?.subs[`#${user}`]
    const last = socket.publications.at(-1) ?? sub?.publications.at(-1) ?? sub
    if (last) offsets.set(user, last.offset)
    connection.disconnected()
    clients.delete(user)
  }
  const come = async (user: string): Promise<void> => {
    leave(user)
    const offset = place(offsets.get(user) ?? offsetOf(SECOND, 0))
    const subs = offset === undefined ? {} : { [`#${user}`]: { recover: true, epoch: EPOCH, offset } }
    clients.set(user, await random.pick(benches).client({ id: 1, connect: { token: tokenOf(user), subs } }))
  }
  const turn = (user: string, group: string): void => {
    const intervals = truth.turn(user, group, feed.seqOf(group))
    for (const { reads } of benches) reads.put({ user, group, intervals })
    feed.member(user, group, intervals)
  }
  const send = (to: { readonly user: string } | { readonly group: string }): void => {
    const { id, seq } = feed.message({ from: 'zoe', to })
    truth.sent(id, seq, to)
  }

  for (let step = 0; step < 1_500; step++) {
    const user = random.pick(users)
    const group = random.pick(groups)
    const dice = random.below(10)
    if (dice < 2) send({ user })
    else if (dice < 5) send({ group })
    else if (dice < 7) turn(user, group)
    else if (dice < 9) await come(user)
    else feed.pass(1)
    if (random.below(3) === 0) for (const { settle } of benches) await settle()
  }
  for (const { settle } of benches) await settle()
  for (const user of users) {
    await come(user)
    leave(user)
  }
  return { expected: truth.expected, got }
}
