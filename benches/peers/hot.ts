import { median, quantile, rangeOf } from '../shared/figures.ts'
import { evenly, requestOf, type Answer } from '../shared/load.ts'
import { fillReader, startService } from './contestant.ts'
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

/** Reads of cached documents while another program updates them in place; rounds without updates alternate. */
export async function updatedInPlace(): Promise<readonly Row[]> {
  await using database = await openOrders(documents)
  await using reader = await startService('reader', database)
  await fillReader(reader, documents)
  const orders = database.admin.db(name).collection<{ readonly _id: string }>(collection)
  const requests = async (): Promise<readonly Answer[]> => {
    const next = (): Buffer => requestOf('GET', `/v1/${collection}/${any()}`)
    const answers = await reader.clients.sendEvenly(requestsPerSecond, seconds, next)
    const other = answers.find(({ status }) => status !== 200)
    if (other) throw new Error(`the reader answered ${other.head}`)
    return answers
  }
  const updateOne = () => ({ updateOne: { filter: { _id: any() }, update: { $inc: { total: 1 } } } })
  const updates = (): Promise<unknown> =>
    evenly(updatesPerSecond / together, seconds, () =>
      orders.bulkWrite(Array.from({ length: together }, updateOne), { ordered: false }),
    )

  await requests()
  const quiet: number[] = []
  const updated: (readonly Answer[])[] = []
  for (let round = 0; round < rounds; round++) {
    quiet.push(p50(await requests()))
    const [answers] = await Promise.all([requests(), updates()])
    updated.push(answers)
  }
  await orders.updateMany({}, { $inc: { total: 1 } })
  const afterAll = await requests()

  const withoutRead = (answers: readonly Answer[]): string =>
    `${(100 * (1 - answers.filter(ownRead).length / answers.length)).toFixed(2)} %`
  const ratios = updated.map((answers, round) => p50(answers) / (quiet[round] ?? Number.NaN))
  const p99 = median(
    updated.map((answers) =>
      quantile(
        answers.map(({ ms }) => ms),
        0.99,
      ),
    ),
  )
  const row = { part: `GET, ${updatesPerSecond} $inc/s`, mongodb: '' }
  return [
    {
      ...row,
      contestant: 'reader',
      seen: `${withoutRead(updated.flat())} without a read of their own; p50 ${median(updated.map(p50)).toFixed(2)}, p99 ${p99.toFixed(2)} ms; after an updateMany of all ${withoutRead(afterAll)}`,
      ratio: '',
      wanted: '99 %',
    },
    {
      ...row,
      contestant: 'reader, quiet rounds',
      seen: `p50 ${median(quiet).toFixed(2)} ms`,
      ratio: `p50 ${median(ratios).toFixed(2)} (${rangeOf(ratios, 2)})`,
      wanted: 'at most 1.3',
    },
  ]
}
