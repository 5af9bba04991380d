import { setTimeout as sleep } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { eventually, type SeededRandom } from '@freshet/testkit'
import type { System } from '../support/system.ts'
import { Addressed, faultsOf, type Fault } from './judge.ts'
import { ChaosUser, type Lens } from './user.ts'

/** Options of a run. */
export interface ChaosOptions {
  readonly system: System
  readonly random: SeededRandom
  readonly seconds: number
  /** For negative controls. */
  readonly lensOf?: (user: number) => (() => Lens) | undefined
  /** Where a user connects; by default, to a random instance each time. */
  readonly urlOf?: (user: number) => string | undefined
}

/** What happened. */
export interface ChaosReport {
  /** By user; without faults, it is empty. */
  readonly faults: ReadonlyMap<number, ReadonlyMap<Fault, string>>
  /** What happened to the connections of those users. */
  readonly traces: ReadonlyMap<number, readonly string[]>
  readonly stored: number
  /** Messages that the writer acknowledged and that are not stored. */
  readonly lostByWriter: readonly string[]
  readonly delivered: number
  /** Deliveries of a message that the same user had already. */
  readonly repeats: number
  readonly recoveries: number
  readonly gaps: number
  /** How often each disturbance happened. */
  readonly disturbances: Readonly<Record<string, number>>
}

/** A small ring, so that those who sleep for long have gaps. */
export const CHAOS_ARGS: readonly string[] = ['--ring-size=16KiB', '--stop-within=1s']

const USERS = 20
const GROUPS = 5
const PAUSE_MS = 400

const nameOf = (user: number): string => `user-${user}`
const groupOf = (group: number): string => `group-${group}`

/**
 * Twenty users in five groups write, join and leave, while instances, connections, streams and the primary fail at random.
 * Afterwards, compares what each has got with what is stored.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { system, random, seconds, lensOf, urlOf } = options
  for (let group = 0; group < GROUPS; group++) {
    await system.write('chief', 'PUT', `groups/${groupOf(group)}`)
    for (let user = group; user < USERS; user += GROUPS)
      await system.write('chief', 'PUT', `groups/${groupOf(group)}/members/${nameOf(user)}`)
  }
  const earlier = await Addressed.read(system.db)
  const choice = random.fork(1_000)
  const users = await Promise.all(
    Array.from({ length: USERS }, (_, user) => {
      const lens = lensOf?.(user)
      return ChaosUser.open({
        name: nameOf(user),
        system,
        url: () => urlOf?.(user) ?? choice.pick(system.deliveries).webSocketUrl,
        ...(lens && { lens }),
      })
    }),
  )
  try {
    const end = AbortSignal.timeout(seconds * 1_000)
    const acknowledged: string[] = []
    const writing = users.map((_, user) => write(system, random.fork(user), { user, end, acknowledged }))
    const disturbances = await disturb({ system, users, random: random.fork(2_000), end })
    await Promise.all(writing)
    await recover(system)
    const addressed = await Addressed.read(system.db, earlier)
    const synced = (): void => {
      for (const { name, synced: done } of users) if (!done) throw new Error(`${name} is still loading`)
    }
    await eventually(synced)
    // Not a condition: what is still missing then is a fault.
    await eventually(
      () => {
        synced()
        for (const user of users) {
          if (addressed.missing(user).length > 0) throw new Error('something is missing')
        }
      },
      { withinMs: lensOf ? 3_000 : 30_000, everyMs: 200 },
    ).catch(() => undefined)
    const stored = new Set(addressed.messages.map(({ _id }) => _id))
    const faults = users.map((user, at) => [at, faultsOf(user, addressed)] as const)
    const traces = faults
      .filter(([, found]) => found.size > 0)
      .map(([at]) => [at, users[at]?.trace ?? []] as const)
    const sum = (of: (user: ChaosUser) => number): number => users.reduce((all, user) => all + of(user), 0)
    return {
      faults: new Map(faults.filter(([, found]) => found.size > 0)),
      traces: new Map(traces),
      stored: stored.size - earlier.messages.length,
      lostByWriter: acknowledged.filter((id) => !stored.has(id)),
      delivered: sum(({ live }) => live.length),
      repeats: sum(({ live }) => live.length - new Set(live.map(({ id }) => id)).size),
      recoveries: sum(({ recoveries }) => recoveries),
      gaps: sum(({ gaps }) => gaps),
      disturbances,
    }
  } finally {
    for (const user of users) user[Symbol.dispose]()
  }
}

/** Everything runs again. */
async function recover({ deliveries, writer, reader }: System): Promise<void> {
  for (const delivery of deliveries) {
    if (!delivery.isRunning) await delivery.startAgain()
    delivery.proxy.resume()
  }
  await Promise.all([...deliveries, writer, reader].map((service) => service.ready()))
}

interface Writing {
  readonly user: number
  readonly end: AbortSignal
  readonly acknowledged: string[]
}

/** One user writes, joins and leaves until the end. What is refused, because the user is no member, is no fault. */
async function write(
  system: System,
  random: SeededRandom,
  { user, end, acknowledged }: Writing,
): Promise<void> {
  const own: string[] = []
  const name = nameOf(user)
  while (!end.aborted) {
    const group = groupOf(random.below(GROUPS))
    const dice = random.below(20)
    const message = { body: { text: random.below(1_000) }, clientId: randomUUID() }
    const earlier = own.at(-1 - random.below(5))
    if (dice < 2) await system.write('chief', 'PUT', `groups/${group}/members/${name}`)
    else if (dice < 4) await system.write(name, 'DELETE', `groups/${group}/members/${name}`)
    else if (dice < 6 && earlier !== undefined)
      await (dice === 4
        ? system.write(name, 'PATCH', `messages/${earlier}`, message)
        : system.write(name, 'DELETE', `messages/${earlier}`))
    else {
      const to = dice < 12 ? { group } : { users: [nameOf(random.below(USERS)), nameOf(random.below(USERS))] }
      const { status, body } = await system.write(name, 'POST', 'messages', { ...message, to })
      if (status <= 201) {
        own.push(body.id)
        acknowledged.push(body.id)
      }
    }
    await sleep(100 + random.below(PAUSE_MS))
  }
}

interface Disturbing {
  readonly system: System
  readonly users: readonly ChaosUser[]
  readonly random: SeededRandom
  readonly end: AbortSignal
}

/** Something fails every second or so, until the end. */
async function disturb({ system, users, random, end }: Disturbing): Promise<Record<string, number>> {
  const { db, deliveries } = system
  const running: Promise<unknown>[] = []
  const busy = new Set<unknown>()
  const once = (what: unknown, run: () => Promise<unknown>): void => {
    if (busy.has(what)) return
    busy.add(what)
    const done = run().finally(() => busy.delete(what))
    // Awaited at the end.
    done.catch(() => undefined)
    running.push(done)
  }
  const restart = (signal: 'SIGKILL' | 'SIGTERM') => (): void => {
    const delivery = random.pick(deliveries)
    once(delivery, async () => {
      await delivery.end(signal)
      await sleep(random.below(1_500))
      await delivery.startAgain()
    })
  }
  const throughProxy = (disturbance: 'cut' | 'blackHole') => (): void => {
    const delivery = random.pick(deliveries)
    once(delivery, async () => {
      delivery.proxy[disturbance]()
      await sleep(random.below(2_000))
      delivery.proxy.resume()
    })
  }
  const failStream = (how: object) => (): void =>
    once(db, async () => {
      const data = { failCommands: ['getMore'], appName: 'freshet-delivery-feed', ...how }
      await db.failPoint('failCommand', { times: 3 }, data)
      await sleep(1_000)
    })
  const kinds: Readonly<Record<string, () => void>> = {
    kill: restart('SIGKILL'),
    restart: restart('SIGTERM'),
    cut: throughProxy('cut'),
    blackHole: throughProxy('blackHole'),
    standStill: () => {
      const delivery = random.pick(deliveries)
      once(delivery, async () => {
        delivery.signal('SIGSTOP')
        await sleep(random.below(2_000))
        delivery.signal('SIGCONT')
      })
    },
    killStream: failStream({ errorCode: 237 }),
    cutStream: failStream({ closeConnection: true }),
    stepDown: () => once(db, () => db.stepDown()),
    cutUsers: () => {
      for (const user of users) if (random.below(4) === 0) user.cut()
    },
    nap: () => {
      const user = random.pick(users)
      once(user, () => user.nap(random.below(2) === 0 ? 500 : 8_000))
    },
  }
  const counts: Record<string, number> = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, 0]))
  const names = Object.keys(kinds)
  // Each kind once in random order, and so on: even short runs have all of them.
  for (let at = 0, order: string[] = []; !end.aborted; at++) {
    if (at % names.length === 0) order = shuffled(names, random)
    for (const kind of [order[at % names.length] ?? '', 'nap']) {
      kinds[kind]?.()
      counts[kind] = (counts[kind] ?? 0) + 1
    }
    await sleep(400 + random.below(2_400))
  }
  await Promise.all(running)
  return counts
}

function shuffled(names: readonly string[], random: SeededRandom): string[] {
  const left = [...names]
  return names.map(() => left.splice(random.below(left.length), 1)[0] ?? '')
}
