/** What one database or another means for readers: delay, and processor time of readers and database. */
import { median, printMachine, quantile } from './shared/figures.ts'
import { evenly, requestOf } from './shared/load.ts'
import { startOn, type Contestant } from './peers/contestant.ts'
import {
  collection,
  collectionFile,
  documents,
  idOf,
  openDebezium,
  openMongo,
  openPostgres,
  type Source,
} from './sources/databases.ts'
import { setTimeout as sleep } from 'node:timers/promises'

const eventsPerSecond = 100
const seconds = 6
/** One in this many writes is looked for. */
const sampled = 5
const readerCounts = [1, 2, 8] as const
const requests = 8_000
const fills = 1_500

const get = (n: number): Buffer => requestOf('GET', `/v1/${collection}/${idOf(n)}`)
const us = (cpuSeconds: number, count: number): string => `${((cpuSeconds / count) * 1e6).toFixed(0)} us`

let marks = 0
const nextMark = (): string => `mark-${marks++};`

async function start({ env, words }: Source): Promise<Contestant> {
  return await startOn('reader', env, collectionFile, words)
}

/** Resolves when the reader answers with this mark. */
async function until(reader: Contestant, n: number, mark: string): Promise<void> {
  while (!(await reader.clients.ask(get(n))).body.includes(mark)) await sleep(0)
}

/** Processor time that some work takes of each, in seconds. */
async function cpuOf(
  of: readonly (() => Promise<number>)[],
  work: () => Promise<unknown>,
): Promise<readonly number[]> {
  const before = await Promise.all(of.map((cpu) => cpu()))
  await work()
  const after = await Promise.all(of.map((cpu) => cpu()))
  return after.map((value, index) => value - (before[index] ?? 0))
}

/** Writes evenly. @param visibleMs gets the time from the commit until the reader shows it, for some. */
async function writes(source: Source, reader?: Contestant, visibleMs: number[] = []): Promise<void> {
  await evenly(eventsPerSecond, seconds, async (n) => {
    const mark = nextMark()
    await source.write(idOf(n), mark)
    if (reader === undefined || n % sampled > 0) return
    const began = performance.now()
    await until(reader, n, mark)
    visibleMs.push(performance.now() - began)
  })
}

async function measure(source: Source): Promise<Readonly<Record<string, string>>> {
  const events = eventsPerSecond * seconds
  const database = (): Promise<number> => source.cpuSeconds()
  const readers: Contestant[] = []
  try {
    const row: Record<string, string> = { source: source.name }
    const [alone = 0] = await cpuOf([database], () => writes(source))
    for (const count of readerCounts) {
      while (readers.length < count) readers.push(await start(source))
      const [first] = readers
      if (first === undefined) throw new Error('no reader')
      if (count === 1) {
        await first.clients.send(requests, () => get(Math.floor(Math.random() * 1_000)), 200)
        await writes(source)
        const visibleMs: number[] = []
        await writes(source, first, visibleMs)
        row['commit to visible'] =
          `p50 ${median(visibleMs).toFixed(1)}, p99 ${quantile(visibleMs, 0.99).toFixed(1)} ms`
      }
      const [cpu = 0, reader = 0] = await cpuOf([database, () => first.cpuSeconds()], () => writes(source))
      if (count === 1) row['reader, per event'] = us(reader, events)
      row[`database, per event, ${count} readers`] = `+ ${us(cpu - alone, events)}`
    }
    const [first] = readers
    if (first === undefined) throw new Error('no reader')
    const [hit = 0] = await cpuOf([() => first.cpuSeconds()], () =>
      first.clients.send(requests, () => get(Math.floor(Math.random() * 1_000)), 200),
    )
    row['GET, hit'] = us(hit, requests)
    let missed = 2_000
    const [own = 0, its = 0] = await cpuOf([() => first.cpuSeconds(), database], () =>
      first.clients.send(fills, () => get(missed++), 200),
    )
    row['fill'] = source.hasReads ? `${us(own, fills)} and ${us(its, fills)} of the database` : 'none'
    const mark = nextMark()
    const began = performance.now()
    await source.writeAll(mark)
    const committed = performance.now()
    await until(first, documents - 1, mark)
    row[`${documents} changes together`] =
      `${((performance.now() - committed) / 1e3).toFixed(2)} s after ${((committed - began) / 1e3).toFixed(2)} s`
    return row
  } finally {
    for (const reader of readers) await reader[Symbol.asyncDispose]()
  }
}

printMachine()
const rows: Readonly<Record<string, string>>[] = []
for (const open of [openMongo, openPostgres, openDebezium]) {
  await using source = await open()
  console.log(source.name)
  rows.push(await measure(source))
}
const columns = Object.keys(rows[0] ?? {})
console.log(`\n| ${['', ...rows.map((row) => row['source'])].join(' | ')} |`)
console.log(`| ${['---', ...rows.map(() => '---')].join(' | ')} |`)
for (const column of columns.slice(1))
  console.log(`| ${[column, ...rows.map((row) => row[column] ?? '')].join(' | ')} |`)
