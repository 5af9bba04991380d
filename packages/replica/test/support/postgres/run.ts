import type { SourceReads } from '@freshet/change-stream'
import { postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import type { TestDatabase } from '@freshet/postgres'
import type { ExactReplica } from '../../../src/replica.ts'
import { Random } from '../random.ts'
import { collections, idsOf, idTypes, twins } from '../stress-documents.ts'
import { stressReplica, type StressVariant } from '../stress-replica.ts'
import { DecodedHistory } from './decoded-history.ts'
import { digestOf, Judge, type Claim } from './judge.ts'
import { publication, twinTables } from './tables.ts'
import { heldIds, Writers } from './writers.ts'

export interface RunOptions {
  readonly seed: number
  /** The number of answers to check by both oracles. */
  readonly answers: number
  /** Ends the run at the first wrong answer. */
  readonly untilWrong: boolean
  /** Some commits are in the log for a while before they are visible. */
  readonly held: boolean
  readonly variant: StressVariant
}

export interface RunResult {
  readonly decoded: number
  readonly recorded: number
  readonly writes: number
  readonly refills: number
  readonly evictions: number
  readonly misses: number
  readonly behindFeed: number
  readonly resyncs: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
}

/** Runs writers and readers concurrently on a real server and checks every answer. */
export async function runStress(db: TestDatabase, options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed)
  await db.admin.query(`truncate ${collections.join(', ')}, recorded, bounds`)
  await using history = await DecodedHistory.open(db)
  const writers = new Writers(db, random, options)
  const writing = writers.run(4)
  const opened = postgresSource({
    uri: db.uri,
    appName: 'stress',
    publication,
    collections: idTypes,
    clock: systemClock,
  })
  try {
    const reads = new CountedReads(opened.reads)
    const judge = new Judge(history)
    await using replica = stressReplica({
      source: opened.source,
      reads,
      variant: options.variant,
      random,
      documentBytes: 1_500,
    })
    await replica.start()
    const readers = new Readers({ replica, judge, history, random, options })
    await Promise.all([readers.run(), readers.run()])
    await readers.compareDecoded()
    writers.stop()
    await writing
    await judge.compareRecorded(db.admin, readers.all)
    const { refills, evictions, misses, resyncs } = replica.status()
    const { decoded, recorded, wrong } = judge
    const counts = { refills, evictions, misses, resyncs, behindFeed: reads.behindFeed }
    return { decoded, recorded, writes: writers.writes, ...counts, wrong }
  } finally {
    writers.stop()
    await writing
    await opened.close()
  }
}

/** Counts the reads that the database did not show everything to. */
class CountedReads implements SourceReads {
  readonly #inner: SourceReads
  behindFeed = 0

  constructor(inner: SourceReads) {
    this.#inner = inner
  }

  async read(...args: Parameters<SourceReads['read']>): ReturnType<SourceReads['read']> {
    const reply = await this.#inner.read(...args)
    if (reply.kind === 'behind-feed') this.behindFeed += 1
    return reply
  }

  head(signal: AbortSignal): ReturnType<SourceReads['head']> {
    return this.#inner.head(signal)
  }

  check(...args: Parameters<SourceReads['check']>): ReturnType<SourceReads['check']> {
    return this.#inner.check(...args)
  }
}

/** With `untilWrong` the first oracle runs whenever this many answers are queued, not only at the end. */
const judgedTogether = 1_000

/** Concurrent reads of one reader; most join fills of other reads. */
const askedTogether = 240

interface ReadersParts {
  readonly replica: ExactReplica<Buffer>
  readonly judge: Judge
  readonly history: DecodedHistory
  readonly random: Random
  readonly options: RunOptions
}

class Readers {
  readonly #parts: ReadersParts
  /** All answers, for the second oracle. */
  readonly all: Claim[] = []
  #claims: Claim[] = []

  constructor(parts: ReadersParts) {
    this.#parts = parts
  }

  async run(): Promise<void> {
    const { judge, options } = this.#parts
    while (this.all.length < options.answers) {
      if (options.untilWrong && judge.wrong.length > 0) return
      const claims = await Promise.all(Array.from({ length: askedTogether }, () => this.#ask()))
      this.#claims.push(...claims)
      for (const claim of claims) this.all.push(claim)
      if (this.#claims.length >= judgedTogether) await this.compareDecoded()
    }
  }

  /** Runs the first oracle on all queued answers. */
  async compareDecoded(): Promise<void> {
    const claims = this.#claims
    this.#claims = []
    await this.#parts.history.hasHeard(this.#parts.replica.at)
    this.#parts.judge.compareDecoded(claims)
  }

  async #ask(): Promise<Claim> {
    const { random, replica, judge, options } = this.#parts
    const dice = random.int(10)
    const collection = dice < 2 ? random.pick(twinTables) : dice < 4 ? 'products' : random.pick(collections)
    const some = (ids: readonly string[], length: number): readonly string[] =>
      Array.from({ length }, () => random.pick(ids))
    const wanted =
      dice < 2
        ? twins
        : dice < 4 && options.held
          ? some(heldIds, 8)
          : some(idsOf(collection), dice < 5 ? 1 : 8)
    const floor = replica.at
    const answer = await replica.many(collection, wanted, {
      waitMs: 30_000,
      ...(dice === 9 ? { atLeast: 'now' as const } : {}),
    })
    if (answer.at < floor) judge.wrong.push(`went back to ${answer.at} from ${floor}`)
    const values = wanted.map((id, n) => {
      const value = answer.values[n]
      return [id, value === undefined ? undefined : digestOf(value)] as const
    })
    const pairs = new Set(dice < 2 ? values.map(([, value]) => value?.pair) : [])
    // Both documents of a transaction must come from the same one.
    if (pairs.size > 1) judge.wrong.push(`torn at ${answer.at}: ${[...pairs].join(', ')}`)
    return { collection, at: answer.at, values }
  }
}
