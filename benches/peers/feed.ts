import { positionOf } from '@freshet/protocol'
import type { TestDatabase } from '@freshet/testkit'
import { Timestamp } from 'mongodb'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../shared/figures.ts'
import { evenly, requestOf } from '../shared/load.ts'
import { fillReader, startPeer, startService, type Contestant } from './contestant.ts'
import { alternate, figure, mongodCpuSeconds, openOrders, ratioOf, roundsOr, type Row } from './rounds.ts'
import { collection, idOf, order } from './world.ts'

const documents = 1_000
const eventsPerSecond = 300
const seconds = 8
/** Enough for the code of both to be compiled. */
const warmUp = { perSecond: 600, seconds: 12 }
const quietSeconds = 6
const rounds = roundsOr(3)
/** One in this many writes is looked for. */
const sampled = 15

interface Write {
  readonly id: string
  readonly mark: string
  /** Its position, without the source. */
  readonly at: string
}

interface Follower {
  readonly name: string
  /** `undefined`: nobody follows. */
  readonly start: ((database: TestDatabase) => Promise<Contestant>) | undefined
  /** A request that is answered when a write is visible. */
  readonly look: (write: Write, source: string) => Buffer
}

/** A reader with some options. */
const readerWith = (name: string, words: readonly string[] = []): Follower => ({
  name,
  start: async (database) => {
    const reader = await startService('reader', database, { words })
    await fillReader(reader, documents)
    return reader
  },
  look: ({ id, at }, source) =>
    requestOf('GET', `/v1/${collection}/${id}`, {
      'Freshet-At-Least': `${source}.${at}`,
      Prefer: 'wait=10',
    }),
})

const followers = [
  readerWith('reader'),
  readerWith('reader, `--feed-batch=20ms`', ['--feed-batch=20ms']),
  {
    name: '`watch` into a Map',
    start: (database) => startPeer('`watch` into a Map', 'bare-server.ts', database, 'follow'),
    look: ({ id, mark }) => requestOf('GET', `/${collection}/${id}`, { Mark: mark }),
  },
  { name: 'nobody', start: undefined, look: () => Buffer.alloc(0) },
] as const satisfies readonly Follower[]
const [reader, batching, watch, nobody] = [0, 1, 2, 3] as const

interface Cost {
  readonly serverUs: number
  readonly mongodbUs: number
  /** From the acknowledgement until the answer. */
  readonly visibleMs: readonly number[]
  /** Of a core, while nothing happens. */
  readonly quietShare: number
}

/** Replaces a document with the durability of the writer. */
async function write(database: TestDatabase, n: number): Promise<Write> {
  const id = idOf(n % documents)
  const mark = randomUUID()
  const reply = await database.admin.db(database.database).command({
    update: collection,
    updates: [{ q: { _id: id }, u: { ...order, mark } }],
    writeConcern: { w: 'majority', j: true },
  })
  const time: unknown = reply['operationTime']
  if (reply['n'] !== 1 || !(time instanceof Timestamp)) throw new Error('the write was not taken')
  return { id, mark, at: positionOf(time.getHighBitsUnsigned(), time.getLowBitsUnsigned()) }
}

async function costOf(database: TestDatabase, { start, look }: Follower): Promise<Cost> {
  await using follower = await start?.(database)
  let source = ''
  const visibleMs: number[] = []
  const writeOne = async (n: number): Promise<void> => {
    const written = await write(database, n)
    if (!follower || n % sampled > 0) return
    const { status, ms, head } = await follower.clients.ask(look(written, source))
    if (status !== 200) throw new Error(`${follower.name} answered ${head}`)
    visibleMs.push(ms)
  }
  if (follower) {
    const { head } = await follower.clients.ask(requestOf('GET', `/v1/${collection}/${idOf(0)}`))
    source = /\r\nfreshet-position: ([^.\r]+)\./i.exec(head)?.[1] ?? ''
  }
  await evenly(warmUp.perSecond, warmUp.seconds, writeOne)
  visibleMs.length = 0
  const server = async (): Promise<number> => (await follower?.cpuSeconds()) ?? 0
  const before = [await server(), await mongodCpuSeconds(database)] as const
  await evenly(eventsPerSecond, seconds, writeOne)
  const after = [await server(), await mongodCpuSeconds(database)] as const
  await sleep(2_000)
  const restBefore = await server()
  await sleep(quietSeconds * 1_000)
  const quietShare = ((await server()) - restBefore) / quietSeconds
  const us = (index: 0 | 1): number => ((after[index] - before[index]) / eventsPerSecond / seconds) * 1e6
  return { serverUs: us(0), mongodbUs: us(1), visibleMs, quietShare }
}

/** Following a database with some writes, beside `watch`. */
export async function comparedFeeds(): Promise<readonly Row[]> {
  await using database = await openOrders(documents)
  // Each round starts new processes, since a second follower would cost MongoDB too.
  const costs = await alternate(followers, rounds, (one) => costOf(database, one), 0)
  const column = <T>(index: number, of: (cost: Cost) => T): readonly T[] => (costs[index] ?? []).map(of)
  const server = (index: number) => column(index, ({ serverUs }) => serverUs)
  const alone = column(nobody, ({ mongodbUs }) => mongodbUs)
  const extra = (index: number) =>
    column(index, ({ mongodbUs }) => mongodbUs).map((us, round) => us - (alone[round] ?? Number.NaN))
  const visible = (index: number, share: number) =>
    column(index, ({ visibleMs }) => quantile(visibleMs, share))
  const ratio = (of: (index: number) => readonly number[]) => ratioOf(of(reader), of(watch))
  const ratios = `${ratio(server)}; MongoDB's extra ${ratio(extra)}; visible p50 ${ratio((one) => visible(one, 0.5))}`
  const wanted = new Map<number, string>([
    [reader, 'at most 250 us; quiet at most 0.5 %'],
    [batching, 'at most 80 us; MongoDB 40 us'],
    [watch, 'MongoDB no more than `watch`; visible p50 at most 1'],
  ])
  const seen = (index: number): string => {
    const ms = (share: number): string => figure(visible(index, share), 'ms', 2)
    const quiet = column(index, ({ quietShare }) => quietShare)
    const mean = (quiet.reduce((sum, share) => sum + share, 0) / rounds) * 100
    return `${figure(server(index), 'us')} per event; visible p50 ${ms(0.5)}, p99 ${ms(0.99)}; quiet ${mean.toFixed(1)} % of a core`
  }
  return followers.map(({ name }, index): Row => ({
    part: `${eventsPerSecond} events/s`,
    contestant: name,
    seen: index === nobody ? '' : seen(index),
    mongodb:
      index === nobody ? `${median(alone).toFixed(0)} us per write` : `+ ${figure(extra(index), 'us')}`,
    ratio: index === watch ? ratios : '',
    wanted: wanted.get(index) ?? '',
  }))
}
