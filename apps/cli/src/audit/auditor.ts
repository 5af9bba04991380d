import type { Clock } from '@freshet/kit'
import type { SourceId } from '@freshet/protocol'
import type { Answer, Question, ReaderDoor, TruthSource, Verdict } from './contract.ts'
import { judge, noFact } from './judge.ts'
import { PositionWatch } from './position-watch.ts'
import { AuditReport } from './report.ts'
import type { AuditSummary } from './report.ts'

/** What an audit is made of. */
export interface AuditorOptions {
  readonly truth: TruthSource
  readonly readers: readonly ReaderDoor[]
  readonly collections: readonly string[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Questions under way at once, per reader. */
  readonly concurrency: number
  /** The wait between two questions of one asker, in milliseconds. */
  readonly pauseMs: number
}

const idsPerCollection = 200
const refreshIdsEveryMs = 2_000
const severalIds = 10

/**
 * Asks readers about random documents while the system runs and compares each answer with the database at the position
 * that the answer names. Every reader is asked by itself, so that the positions of each can be watched.
 */
export class Auditor {
  readonly #options: AuditorOptions
  readonly #report: AuditReport
  readonly #ids = new Map<string, readonly string[]>()
  #source: SourceId | undefined

  constructor(options: AuditorOptions) {
    this.#options = options
    this.#report = new AuditReport(options.readers.map(({ url }) => url))
  }

  /** Runs until `signal` aborts, and at least one question per asker. Rejects when the database cannot be read. */
  async run(signal: AbortSignal): Promise<AuditSummary> {
    await this.#learnIds()
    const { readers, concurrency } = this.#options
    const askers = readers.flatMap((reader) => {
      const watch = new PositionWatch()
      return Array.from({ length: concurrency }, () => this.#askOn(reader, watch, signal))
    })
    await Promise.all([...askers, this.#keepLearning(signal)])
    return this.#report.summary()
  }

  /** How many ids are known to ask for. */
  async knownIds(): Promise<number> {
    await this.#learnIds()
    return [...this.#ids.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  async #askOn(reader: ReaderDoor, watch: PositionWatch, signal: AbortSignal): Promise<void> {
    const { clock, pauseMs } = this.#options
    do {
      await this.#askOnce(reader, watch, this.#question())
      await clock.sleep(pauseMs, signal)
    } while (!signal.aborted)
  }

  async #askOnce(reader: ReaderDoor, watch: PositionWatch, question: Question): Promise<void> {
    const floor = watch.floor()
    let answer: Answer
    try {
      answer = await reader.ask(question)
    } catch (error) {
      const reason = `no answer: ${whyOf(error)}`
      this.#report.add({ kind: 'unjudged', reason }, { reader: reader.url, question, position: undefined })
      return
    }
    const fell =
      answer.source && answer.position ? watch.take(floor, answer.source, answer.position) : undefined
    const verdict: Verdict =
      fell === undefined ? await this.#verdict(question, answer) : { kind: 'wrong', what: fell }
    this.#report.add(verdict, { reader: reader.url, question, position: answer.position })
  }

  async #verdict(question: Question, answer: Answer): Promise<Verdict> {
    const reason = noFact(answer)
    if (reason !== undefined) return { kind: 'unjudged', reason }
    if (answer.position === undefined) return { kind: 'wrong', what: 'a fact without a position' }
    const { truth } = this.#options
    // Asked again only then: the history is renamed once in a blue moon.
    if (answer.source !== this.#source) this.#source = await truth.source()
    if (answer.source !== this.#source) return { kind: 'unjudged', reason: 'the reader names another source' }
    return judge(question, answer, await truth.at(answer.position, question.collection, question.ids))
  }

  /** Mostly documents that are there, sometimes ones that are not, one time in five several at once. */
  #question(): Question {
    const collection = this.#pick(this.#options.collections) ?? ''
    const several = this.#options.random() < 0.2
    const known = this.#ids.get(collection) ?? []
    const oneId = (): string => {
      const invented = `absent-${Math.floor(this.#options.random() * 1_000)}`
      return (this.#options.random() < 0.1 ? undefined : this.#pick(known)) ?? invented
    }
    const ids = Array.from({ length: several ? severalIds : 1 }, oneId)
    return { collection, ids: [...new Set(ids)], form: several ? 'several' : 'one' }
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#options.random() * items.length)]
  }

  async #keepLearning(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(refreshIdsEveryMs, signal)
      if (!signal.aborted) await this.#learnIds()
    }
  }

  async #learnIds(): Promise<void> {
    const { truth, collections } = this.#options
    for (const name of collections) this.#ids.set(name, await truth.someIds(name, idsPerCollection))
  }
}

/** Short and without the document that was asked for, so that equal reasons are counted together. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  // What `fetch` throws says no more than that it failed.
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return error.message.replace(/\bhttps?:\S+/g, 'URL').slice(0, 100)
}
