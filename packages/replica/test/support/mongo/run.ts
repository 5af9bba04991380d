import { ABSENT } from '@freshet/cache'
import type { ReadConnection } from '@freshet/guard'
import type { TestDatabase } from '@freshet/testkit'
import { deserialize } from 'bson'
import type { Answer } from '../../../src/contract.ts'
import type { ExactReplica } from '../../../src/replica.ts'
import { Random } from '../random.ts'
import { collections, idsOf, twins } from '../stress-documents.ts'
import { stressReplica, type StressVariant } from '../stress-replica.ts'
import type { Disturbance } from './disturbances.ts'
import { openSource } from './open-source.ts'
import { Judge, type Claim } from './judge.ts'
import { StampedHistory } from './stamped-history.ts'
import { Writers } from './writers.ts'

/** How a run deviates from the product. */
export interface Variant extends StressVariant {
  readonly connection?: (inner: ReadConnection) => ReadConnection
  /** Runs alongside the readers until the signal aborts. */
  readonly meanwhile?: Disturbance
}

export interface RunOptions {
  readonly seed: number
  /** The number of answers to check by both oracles; some cannot be read again because their collection was dropped. */
  readonly answers: number
  /** Ends the run at the first wrong answer. */
  readonly untilWrong: boolean
  readonly variant: Variant
}

export interface RunResult {
  readonly reread: number
  readonly stamped: number
  readonly writes: number
  readonly refills: number
  readonly evictions: number
  readonly misses: number
  readonly resyncs: Readonly<Record<string, number>>
  readonly wrong: readonly string[]
}

/** Runs writers and readers concurrently on a real server and checks every answer. */
export async function runStress(db: TestDatabase, options: RunOptions): Promise<RunResult> {
  const random = new Random(options.seed)
  const app = db.admin.db(db.database)
  for (const name of collections) await app.collection(name).deleteMany({})
  const { operationTime } = await app.command({
    find: 'products',
    limit: 1,
    readConcern: { level: 'majority' },
  })
  await using history = new StampedHistory(app, operationTime)
  const writers = new Writers(db.admin, app, random)
  const writing = writers.run(4)
  try {
    const { variant } = options
    await using opened = await openSource(db, variant.connection)
    await using replica = stressReplica({
      source: opened.source,
      reads: opened.reads,
      variant,
      random,
      documentBytes: 700,
    })
    await replica.start()
    const judge = new Judge(app, history)
    const readers = new Readers({ replica, judge, history, random, options })
    const ended = new AbortController()
    const meanwhile = variant.meanwhile?.(db, replica, ended.signal)
    try {
      await Promise.all([readers.run(), readers.run()])
    } finally {
      ended.abort()
      await meanwhile
    }
    await readers.compareStamps()
    const { refills, evictions, misses, resyncs } = replica.status()
    const { reread, stamped, wrong } = judge
    return { reread, stamped, writes: writers.writes, refills, evictions, misses, resyncs, wrong }
  } finally {
    writers.stop()
    await writing
  }
}

/** With `untilWrong` the second oracle runs whenever this many answers are queued, not only at the end. */
const judgedTogether = 1_000

/** Concurrent reads of one reader; most join fills of other reads. */
const askedTogether = 480

interface ReadersParts {
  readonly replica: ExactReplica<Buffer>
  readonly judge: Judge
  readonly history: StampedHistory
  readonly random: Random
  readonly options: RunOptions
}

class Readers {
  readonly #parts: ReadersParts
  readonly #replica: ExactReplica<Buffer>
  readonly #judge: Judge
  readonly #random: Random
  #claims: Claim[] = []

  constructor(parts: ReadersParts) {
    this.#parts = parts
    this.#replica = parts.replica
    this.#judge = parts.judge
    this.#random = parts.random
  }

  async run(): Promise<void> {
    const { answers, untilWrong } = this.#parts.options
    while (this.#judge.reread < answers) {
      if (untilWrong && this.#judge.wrong.length > 0) return
      const claims = await Promise.all(Array.from({ length: askedTogether }, () => this.#ask()))
      this.#claims.push(...claims)
      await this.#judge.readAgain(claims)
      if (untilWrong && this.#claims.length >= judgedTogether) await this.compareStamps()
    }
  }

  /** Runs the second oracle on all queued answers. */
  async compareStamps(): Promise<void> {
    const claims = this.#claims
    this.#claims = []
    await this.#parts.history.hasHeard(this.#replica.at)
    this.#judge.compareStamps(claims)
  }

  async #ask(): Promise<Claim> {
    const dice = this.#random.int(10)
    const collection = dice < 2 ? 'products' : this.#random.pick(collections)
    const wanted =
      dice < 2
        ? twins
        : dice < 5
          ? [this.#random.pick(idsOf(collection))]
          : Array.from({ length: 8 }, () => this.#random.pick(idsOf(collection)))
    const floor = this.#replica.at
    const answer = await this.#replica.many(collection, wanted, {
      waitMs: 30_000,
      ...(dice === 9 ? { atLeast: 'now' as const } : {}),
    })
    if (answer.at < floor) this.#judge.wrong.push(`went back to ${answer.at} from ${floor}`)
    if (dice < 2) this.#notTorn(answer)
    const values = wanted.map((id, n) => [id, answer.values[n] ?? ABSENT] as const)
    return { collection, at: answer.at, values }
  }

  /** Both documents of a transaction must come from the same one. */
  #notTorn(answer: Answer<Buffer>): void {
    const pairs = answer.values.map((value) => (value === ABSENT ? undefined : deserialize(value)['pair']))
    if (new Set(pairs).size > 1) this.#judge.wrong.push(`torn at ${answer.at}: ${pairs.join(', ')}`)
  }
}
