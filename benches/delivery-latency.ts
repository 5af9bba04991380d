/**
 * How long after it was stored does a message arrive? 1,000 messages a second, each from one user to another, and 5,000
 * web-sockets; beside a server written by hand with `watch` and npm `ws`. Then 10,000 clients are cut at once: how long until
 * all are back with everything they missed, and what the database was asked. `npm run --prefix benches delivery-latency`
 */
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import { setTimeout as sleep } from 'node:timers/promises'
import { Contestant, kinds, openDatabase, startAll } from './delivery/contestants.ts'
import { database as name, userName } from './delivery/world.ts'
import { median, printMachine, quantile } from './shared/figures.ts'
import { sharedNow } from './shared/figures.ts'

const users = 5_000
const perSecond = 1_000
const rounds = 3
const seconds = 3
/** Messages of one insert: with one each, the test would take the processors from the servers. */
const together = 5
const cutUsers = 10_000
const cutProcesses = 4
const missed = 5

interface Delays {
  /** Milliseconds from the acknowledgement of each message until each of its recipients had it. */
  readonly sinceStored: number[]
  /** The same since it was sent to the database. */
  readonly sinceSent: number[]
}

/** Two users get each message, its sender and its recipient. */
async function measure(contestant: Contestant): Promise<Delays> {
  await contestant.arrivals()
  const sentAt: number[] = []
  const storedAt: number[] = []
  const storing: Promise<void>[] = []
  const began = performance.now()
  for (let n = 0; n < perSecond * seconds; n += together) {
    const early = began + (n * 1_000) / perSecond - performance.now()
    if (early > 1) await sleep(early)
    const numbers = Array.from({ length: together }, (_, index) => n + index)
    const [from, to] = [userName(n % users), userName((n + 1) % users)]
    sentAt.push(...numbers.map(sharedNow))
    const store = async (): Promise<void> => {
      await contestant.messages.send(from, { users: [to] }, numbers)
      for (const number of numbers) storedAt[number] = sharedNow()
    }
    storing.push(store())
  }
  await contestant.received(2 * perSecond * seconds)
  await Promise.all(storing)
  const arrivals = await contestant.arrivals()
  const since = (times: readonly number[]): number[] =>
    arrivals.map(([n, at]) => (at - (times[n] ?? Number.NaN)) / 1e6)
  return { sinceStored: since(storedAt), sinceSent: since(sentAt) }
}

function report({ name }: Contestant, runs: readonly Delays[]): void {
  const figure = (kind: keyof Delays, share: number): string =>
    median(runs.map((run) => quantile(run[kind], share))).toFixed(1)
  const line = (kind: keyof Delays): string => `p50 ${figure(kind, 0.5)}, p99 ${figure(kind, 0.99)}`
  console.log(`  ${name.padEnd(9)} since stored: ${line('sinceStored')}; since sent: ${line('sinceSent')}`)
}

async function latency(): Promise<void> {
  await using database = await openDatabase()
  await using started = await startAll(database, [kinds.delivery, kinds.plain], users)
  console.log(
    `\n${perSecond} messages/s, ${users} sockets each, ${rounds} rounds of ${seconds} s, interleaved; milliseconds`,
  )
  console.log('bar for delivery: since stored p50 10, p99 50')
  const delays = started.all.map((): Delays[] => [])
  for (let round = -1; round < rounds; round++)
    for (const [index, contestant] of started.all.entries()) {
      const run = await measure(contestant)
      // The first round warms up.
      if (round >= 0) delays[index]?.push(run)
    }
  for (const [index, contestant] of started.all.entries()) report(contestant, delays[index] ?? [])
}

async function cut(): Promise<void> {
  await using database = await openDatabase()
  await using contestant = await Contestant.start(kinds.delivery, database)
  if (!contestant) throw new Error('expected that delivery starts everywhere')
  const everyone = Array.from({ length: cutUsers }, (_, index) => userName(index))
  await contestant.messages.addMembers('everyone', everyone)
  const share = cutUsers / cutProcesses
  for (let part = 0; part < cutProcesses; part++) await contestant.connect(part * share, (part + 1) * share)
  /** Reads of a collection since the start: the server's own count, in which the change stream is not one. */
  const queries = async (collection: keyof typeof messageCollections): Promise<number> => {
    const { totals } = await database.admin.db('admin').command({ top: 1 })
    return totals[`${messagesDatabase(name)}.${messageCollections[collection]}`]?.queries.count ?? 0
  }
  const counted = ['messages', 'memberships', 'revocations'] as const
  const before = await Promise.all(counted.map(queries))
  const cpuBefore = await contestant.cpuSeconds()
  const [parts] = await Promise.all([
    contestant.cut(),
    sleep(100).then(() =>
      contestant.messages.send(userName(0), { group: 'everyone' }, [...Array(missed).keys()]),
    ),
  ])
  const { messages } = await contestant.received(share * missed)
  const cpu = (await contestant.cpuSeconds()) - cpuBefore
  const after = await Promise.all(counted.map(queries))
  const tookMs = parts.flatMap((part) => part.tookMs)
  const sum = (field: 'recovered' | 'refusals'): number =>
    parts.reduce((total, part) => total + part[field], 0)
  const seconds = (share: number): string => (quantile(tookMs, share) / 1_000).toFixed(1)
  console.log(
    `\n${cutUsers} clients of ${cutProcesses} processes cut at once, ${missed} messages to everyone meanwhile`,
  )
  console.log(
    `  back after: half ${seconds(0.5)} s, 99 % ${seconds(0.99)} s, all ${seconds(1)} s (bar: 10 s)`,
  )
  console.log(
    `  ${sum('recovered')} recovered, ${messages} of ${cutUsers * missed} messages came, ${sum('refusals')} refused attempts`,
  )
  console.log(`  ${((cpu / cutUsers) * 1e6).toFixed(0)} us of CPU time of the server per client`)
  console.log(
    `  queries: ${counted.map((one, index) => `${(after[index] ?? 0) - (before[index] ?? 0)} of ${one}`).join(', ')}`,
  )
}

printMachine()
await latency()
await cut()
