import type { TestDatabase } from '@freshet/testkit'
import { quantile } from '../shared/figures.ts'
import { ServerChild } from '../shared/child.ts'
import { requestOf } from '../shared/load.ts'
import { fillReader, startPeer, startService, type Contestant } from './contestant.ts'
import type { Replacing } from './replacing-server.ts'
import { alternate, figure, openOrders, ratioOf, roundsOr, type Row } from './rounds.ts'
import { collection, idOf } from './world.ts'

const documents = 20_000
const replacedPerSecond = 2_000
const requestsPerSecond = 1_000
const warmUpSeconds = 2
const seconds = 5
const rounds = roundsOr(5)

interface Contender {
  readonly name: string
  readonly path: string
  readonly start: (database: TestDatabase) => Promise<Contestant>
}

const contenders: readonly Contender[] = [
  {
    name: 'reader',
    path: `/v1/${collection}`,
    start: async (database) => {
      const reader = await startService('reader', database)
      await fillReader(reader, documents)
      return reader
    },
  },
  {
    name: '`watch` into a Map',
    path: `/${collection}`,
    start: (database) => startPeer('`watch` into a Map', 'bare-server.ts', database, 'follow'),
  },
]

interface Seen {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestTurnMs: number
}

async function measure(database: TestDatabase, { path, start }: Contender): Promise<Seen> {
  await using contestant = await start(database)
  await using replacing = new ServerChild('replacing', '../peers/replacing-server.ts', [])
  const next = (): Buffer => requestOf('GET', `${path}/${idOf(Math.floor(Math.random() * documents))}`)
  const run = async (duration: number): Promise<readonly number[]> => {
    const order: Replacing = {
      uri: database.adminUri,
      documents,
      perSecond: replacedPerSecond,
      seconds: duration,
    }
    const [answers] = await Promise.all([
      contestant.clients.sendEvenly(requestsPerSecond, duration, next),
      replacing.ask(order),
    ])
    if (answers.some(({ status }) => status !== 200)) throw new Error(`${contestant.name}: not 200`)
    return answers.map(({ ms }) => ms)
  }
  await run(warmUpSeconds)
  await contestant.ask('watch the loop')
  const ms = await run(seconds)
  const longestTurnMs = await contestant.ask('longest turn')
  return { p50Ms: quantile(ms, 0.5), p99Ms: quantile(ms, 0.99), longestTurnMs }
}

/** Reads of cached documents that change all the time, beside `watch`. */
export async function comparedStreams(): Promise<readonly Row[]> {
  await using database = await openOrders(documents)
  const seen = await alternate(contenders, rounds, (one) => measure(database, one), 0)
  const column = (index: number, name: keyof Seen) => (seen[index] ?? []).map((one) => one[name])
  return contenders.map(({ name }, index): Row => {
    const ms = (of: keyof Seen): string => figure(column(index, of), 'ms', 2)
    const ratio = (of: keyof Seen): string => ratioOf(column(0, of), column(1, of))
    return {
      part: `GET, ${replacedPerSecond} replaced/s`,
      contestant: name,
      seen: `p50 ${ms('p50Ms')}, p99 ${ms('p99Ms')}; longest turn ${ms('longestTurnMs')}`,
      mongodb: '',
      ratio: index === 0 ? '' : `p99 ${ratio('p99Ms')}; longest turn ${ratio('longestTurnMs')}`,
      wanted: index === 0 ? 'longest turn at most 10 ms' : 'p99 at most 1',
    }
  })
}
