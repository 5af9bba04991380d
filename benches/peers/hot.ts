import { median, quantile, rangeOf } from '../shared/figures.ts'
import { evenly, requestOf, type Answer } from '../shared/load.ts'
import { fillReader, startPeer, startService, type Contestant } from './contestant.ts'
import { openOrders, roundsOr, type Row } from './rounds.ts'
import { collection, database as name, idOf } from './world.ts'

const documents = 20_000
const updatesPerSecond = 1_000
const requestsPerSecond = 2_000
const rounds = roundsOr(5)
const seconds = 5
/** In one command, so that the program itself takes little of the machine. */
const together = 10

const any = (): string => idOf(Math.floor(Math.random() * documents))
const ownRead = ({ head }: Answer): boolean =>
  /cache-status: .*fwd=miss/i.test(head) && !head.includes('collapsed')
const p50 = (answers: readonly Answer[]): number => median(answers.map(({ ms }) => ms))

interface Rounds {
  readonly quiet: readonly (readonly Answer[])[]
  readonly updated: readonly (readonly Answer[])[]
}

/** Reads of cached documents while another program updates them in place; rounds without updates alternate. */
async function measure(
  { clients }: Contestant,
  path: string,
  update: () => Promise<unknown>,
): Promise<Rounds> {
  const requests = async (): Promise<readonly Answer[]> => {
    const answers = await clients.sendEvenly(requestsPerSecond, seconds, () => requestOf('GET', path + any()))
    const other = answers.find(({ status }) => status !== 200)
    if (other) throw new Error(`expected 200, got ${other.head}`)
    return answers
  }
  await requests()
  const quiet: (readonly Answer[])[] = []
  const updated: (readonly Answer[])[] = []
  for (let round = 0; round < rounds; round++) {
    quiet.push(await requests())
    const [answers] = await Promise.all([requests(), evenly(updatesPerSecond / together, seconds, update)])
    updated.push(answers)
  }
  return { quiet, updated }
}

/**
 * A reader, and a server that does not follow the database: how much the updates slow it down is the share of the machine, on
 * which MongoDB and the updating program run too.
 */
export async function updatedInPlace(): Promise<readonly Row[]> {
  await using database = await openOrders(documents)
  const orders = database.admin.db(name).collection<{ readonly _id: string }>(collection)
  const updateOne = () => ({ updateOne: { filter: { _id: any() }, update: { $inc: { total: 1 } } } })
  const update = (): Promise<unknown> =>
    orders.bulkWrite(Array.from({ length: together }, updateOne), { ordered: false })

  const bare = await startPeer('bare node:http', 'bare-server.ts', database)
  const unaware = await measure(bare, `/${collection}/`, update)
  await bare[Symbol.asyncDispose]()
  await using reader = await startService('reader', database)
  await fillReader(reader, documents)
  const path = `/v1/${collection}/`
  const following = await measure(reader, path, update)
  await orders.updateMany({}, { $inc: { total: 1 } })
  const afterAll = await reader.clients.sendEvenly(requestsPerSecond, seconds, () =>
    requestOf('GET', path + any()),
  )

  const withoutRead = (answers: readonly Answer[]): string =>
    `${(100 * (1 - answers.filter(ownRead).length / answers.length)).toFixed(2)} %`
  const row = { part: `GET, ${updatesPerSecond} $inc/s`, mongodb: '' }
  return [
    {
      ...row,
      contestant: 'reader',
      seen: `${withoutRead(following.updated.flat())} without a read of their own; after an updateMany of all ${withoutRead(afterAll)}; ${latencies(following)}`,
      ratio: '',
      wanted: 'at least 99 %; p50 at most 1.3 of quiet',
    },
    {
      ...row,
      contestant: 'bare node:http, which does not follow',
      seen: latencies(unaware),
      ratio: `p50 ${(median(slowdowns(following)) / median(slowdowns(unaware))).toFixed(2)} of its slowdown`,
      wanted: '',
    },
  ]
}

function latencies({ quiet, updated }: Rounds): string {
  const ratios = slowdowns({ quiet, updated })
  const p99 = updated.map((answers) =>
    quantile(
      answers.map(({ ms }) => ms),
      0.99,
    ),
  )
  const p50s = `p50 ${median(updated.map(p50)).toFixed(2)} ms, ${median(ratios).toFixed(2)} (${rangeOf(ratios, 2)}) of quiet`
  return `${p50s}; p99 ${median(p99).toFixed(2)} ms`
}

/** The ratio of the p50 with updates to the one before, by round. */
function slowdowns({ quiet, updated }: Rounds): readonly number[] {
  return updated.map((answers, round) => p50(answers) / p50(quiet[round] ?? []))
}
