import { ABSENT } from '@freshet/cache'
import { highOf, lowOf, positionOf } from '@freshet/protocol'
import type { Answer } from '../../src/contract.ts'
import { ReplicaError } from '../../src/errors.ts'
import { Bench, keys, sourceOf, type BenchOptions } from './bench.ts'
import { History, type Write } from './history.ts'
import { ChangeStreamError } from '@freshet/change-stream'

/** The outcome of one run. */
export interface StressResult {
  readonly answers: number
  readonly wrong: readonly string[]
  /** Errors by code. */
  readonly errors: Readonly<Record<string, number>>
  readonly unsettled: number
  readonly pastReads: number
  readonly fromThePast: number
}

/** Random interleavings of writes, feed, replies, failures, gaps and readers. Every answer is checked against the history. */
export class Stress {
  readonly #bench: Bench
  readonly #histories = new Map<string, History>()
  readonly #wrong: string[] = []
  readonly #errors: Record<string, number> = {}
  #answers = 0
  #fromThePast = 0
  #running = 0
  #lost = false
  #sources = 1

  constructor(options: BenchOptions) {
    this.#bench = new Bench(options)
    this.#remember()
  }

  async run(steps: number): Promise<StressResult> {
    await using bench = this.#bench
    for (let n = 0; n < 4; n += 1) this.#commit()
    await bench.live()
    for (let step = 0; step < steps; step += 1) {
      this.#step()
      await bench.settle()
    }
    await this.#finish()
    const { wrong, errors } = { wrong: this.#wrong, errors: this.#errors }
    const unsettled = this.#running
    return {
      answers: this.#answers,
      wrong,
      errors,
      unsettled,
      pastReads: bench.reads.sent,
      fromThePast: this.#fromThePast,
    }
  }

  /** Everything still running must end once the faults are over. */
  async #finish(): Promise<void> {
    if (this.#lost) this.#heal()
    for (let round = 0; round < 20 && this.#running > 0; round += 1) {
      this.#bench.tell()
      await this.#bench.drain()
      this.#bench.clock.advance(2_500)
    }
    await this.#bench.settle()
  }

  #step(): void {
    const bench = this.#bench
    const dice = bench.random.int(100)
    if (dice < 25) this.#commit()
    else if (dice < 45) this.#tell()
    else if (dice < 65) this.#reply()
    else if (dice < 72) bench.tick()
    else if (dice < 92) this.#read()
    else if (dice < 95) bench.clock.advance(bench.random.int(60))
    else if (dice < 97) this.#fail()
    else if (this.#lost) this.#heal()
    else this.#break()
  }

  #commit(): void {
    const { random, history } = this.#bench
    const size = random.chance(0.3) ? 3 : 1
    history.commit(Array.from({ length: size }, () => this.#write()))
  }

  #write(): Write {
    const { random } = this.#bench
    const [collection = '', id = ''] = random.pick(keys).split('/')
    const dice = random.int(100)
    // A log contains complete documents.
    if (dice < (this.#bench.log ? 70 : 40)) return { kind: 'upsert', collection, id }
    if (dice < 70) return { kind: 'invalidate', collection, id }
    if (dice < 92) return { kind: 'delete', collection, id }
    if (dice < 95 || this.#bench.log) return { kind: 'drop-collection', collection }
    return dice < 98 ? { kind: 'invalidate-collection', collection } : { kind: 'invalidate-all' }
  }

  #tell(): void {
    // A restarted log replays a long history.
    if (!this.#lost) this.#bench.tell(1 + this.#bench.random.int(this.#bench.log ? 30 : 3))
  }

  #reply(): void {
    const { reads, random } = this.#bench
    if (reads.pending.length === 0) return
    const [pending] = reads.pending.splice(random.int(reads.pending.length), 1)
    pending?.reply()
  }

  #fail(): void {
    const { reads, random } = this.#bench
    if (reads.pending.length === 0) return
    const [pending] = reads.pending.splice(random.int(reads.pending.length), 1)
    pending?.fail(new ChangeStreamError(random.pick(['DISCONNECTED', 'POSITION_UNAVAILABLE']), 'by the test'))
  }

  #break(): void {
    const { feed, random } = this.#bench
    if (random.chance(0.4)) return feed.broken(new ChangeStreamError('DISCONNECTED', 'by the test'))
    this.#lost = true
    feed.broken(
      new ChangeStreamError(
        random.pick(['HISTORY_LOST', 'TOO_FAR_BEHIND', 'SOURCE_CHANGED', 'SOURCE_UNKNOWN']),
        'by the test',
      ),
    )
  }

  /** Restarts the feed: at the latest position, at an earlier one, or with another database behind the address. */
  #heal(): void {
    const bench = this.#bench
    this.#lost = false
    if (bench.random.chance(0.3)) {
      this.#sources += 1
      bench.history = new History(sourceOf(String(this.#sources).padStart(8, '0')), keys)
      this.#remember()
      for (let n = 0; n < 4; n += 1) this.#commit()
    }
    if (bench.log) bench.begin()
    else bench.begin(Math.max(0, bench.history.now - bench.random.int(3)))
  }

  #remember(): void {
    const { history } = this.#bench
    this.#histories.set(history.source, history)
  }

  #read(): void {
    const { replica, random, history } = this.#bench
    const wanted = random.chance(0.6) ? [random.pick(keys)] : keys.filter((key) => key.startsWith('a/'))
    const collection = wanted[0]?.slice(0, 1) ?? ''
    const ids = wanted.map((key) => key.slice(2))
    const dice = random.int(10)
    const ahead = positionOf(1, history.now)
    const atLeast = dice === 0 ? 'now' : dice < 3 ? { source: history.source, at: ahead } : undefined
    const floor = replica.at
    const { positionText } = replica
    this.#running += 1
    const judge = (answer: Answer<string>): void => {
      this.#judge(wanted, answer)
      const sameSource = positionText?.startsWith(answer.source) === true
      if (sameSource && answer.at < floor) this.#wrong.push(`went back to ${answer.at} from ${floor}`)
      // The database's position when `now` was called.
      if (atLeast !== undefined && answer.source === history.source && answer.at < ahead) {
        this.#wrong.push(`older than asked: ${answer.at} instead of ${ahead}`)
      }
    }
    void this.#settle(replica.many(collection, ids, atLeast === undefined ? {} : { atLeast }), judge)
  }

  async #settle(read: Promise<Answer<string>>, judge: (answer: Answer<string>) => void): Promise<void> {
    try {
      judge(await read)
    } catch (error) {
      if (!(error instanceof ReplicaError)) throw error
      this.#errors[error.code] = (this.#errors[error.code] ?? 0) + 1
    } finally {
      this.#running -= 1
    }
  }

  #judge(wanted: readonly string[], answer: Answer<string>): void {
    this.#answers += 1
    if (!answer.stored) this.#fromThePast += 1
    const history = this.#histories.get(answer.source)
    wanted.forEach((key, index) => {
      const value = answer.values[index]
      const truth = highOf(answer.at) === 1 ? history?.at(key, lowOf(answer.at)) : undefined
      if ((value === ABSENT ? undefined : value) !== truth) {
        this.#wrong.push(`${key} at ${answer.at}: got ${String(value)}, was ${String(truth)}`)
      }
    })
  }
}
