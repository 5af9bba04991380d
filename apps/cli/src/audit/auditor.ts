import { setMaxListeners } from 'node:events'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { claimOf, Claims } from './claims.ts'
import type { Answer, Question, ReaderDoor, TruthSource, Verdict } from './contract.ts'
import { judge, noFact } from './judge.ts'
import { PositionWatch } from './position-watch.ts'
import { Pulse } from './pulse.ts'
import { Questions } from './questions.ts'
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

const learnEveryMs = 2_000

/** One reader, and what the audit remembers of it. */
interface Asked {
  readonly reader: ReaderDoor
  readonly watch: PositionWatch
  /** Questions that were sent. */
  turns: number
}

/**
 * Asks readers about random documents while the system runs and compares each answer with the database at the position
 * that the answer names. What the answer says of itself is not believed either: source, position and age are held against
 * what the database says. Every reader is asked by itself, so that the positions of each can be watched.
 */
export class Auditor {
  readonly #options: AuditorOptions
  readonly #report: AuditReport
  readonly #pulse: Pulse
  readonly #questions: Questions
  readonly #claims: Claims

  constructor(options: AuditorOptions) {
    const { truth, clock, collections, random, readers } = options
    this.#options = options
    this.#pulse = new Pulse(truth, clock)
    this.#questions = new Questions({ truth, collections, random, pulse: this.#pulse })
    this.#claims = new Claims({ truth, clock, pulse: this.#pulse })
    const urls = readers.map(({ url }) => url)
    this.#report = new AuditReport(urls, collections)
  }

  /**
   * Runs until `signal` aborts, and until each reader that answers was asked about each collection. Rejects when the database cannot be
   * read at the start; later it is asked again.
   */
  async run(signal: AbortSignal): Promise<AuditSummary> {
    await this.#questions.learn()
    await this.#pulse.ask()
    const { readers, concurrency } = this.#options
    const over = new AbortController()
    // Each asker sleeps on it.
    setMaxListeners(readers.length * concurrency + 10, signal)
    const askers = readers.flatMap((reader) => {
      const asked: Asked = { reader, watch: new PositionWatch(), turns: 0 }
      return Array.from({ length: concurrency }, () => this.#askOn(asked, signal))
    })
    const beside = [this.#pulse.run(over.signal), this.#keepLearning(over.signal)]
    await Promise.all(askers).finally(() => over.abort())
    await Promise.all(beside)
    return this.#report.summary()
  }

  /** How many ids are known to ask for. */
  async knownIds(): Promise<number> {
    await this.#questions.learn()
    return this.#questions.known
  }

  async #askOn(asked: Asked, signal: AbortSignal): Promise<void> {
    const { clock, pauseMs, collections } = this.#options
    let answered: boolean
    do {
      const question = this.#questions.next(asked.turns)
      asked.turns += 1
      answered = await this.#askOnce(asked, question)
      await clock.sleep(pauseMs, signal)
    } while (!signal.aborted || (answered && asked.turns < collections.length))
  }

  /** @returns whether there was an answer */
  async #askOnce({ reader, watch }: Asked, question: Question): Promise<boolean> {
    const floor = watch.floor()
    const sentAt = this.#options.clock.now()
    let answer: Answer
    try {
      answer = await reader.ask(question)
    } catch (error) {
      const verdict: Verdict = { kind: 'refused', reason: `no answer: ${whyOf(error)}` }
      this.#report.add(verdict, { reader: reader.url, question, position: undefined })
      return false
    }
    const { source, position } = answer
    const fell = source && position ? watch.take(floor, source, position) : undefined
    const reason = noFact(answer)
    const claim = reason === undefined ? claimOf(answer) : undefined
    const verdict: Verdict =
      fell !== undefined
        ? { kind: 'wrong', what: fell }
        : claim === undefined
          ? { kind: 'refused', reason: reason ?? '' }
          : await this.#verdict(question, answer, claim, sentAt)
    if (verdict.kind === 'right') this.#questions.remember(question, answer)
    const said = claim && 'ageS' in claim ? claim : undefined
    this.#report.add(verdict, { reader: reader.url, question, position }, said)
    return true
  }

  async #verdict(
    question: Question,
    answer: Answer,
    claim: ReturnType<typeof claimOf>,
    sentAt: MonotonicMs,
  ): Promise<Verdict> {
    if ('missing' in claim) return { kind: 'wrong', what: claim.missing }
    const against = await this.#claims.judge(question, claim, sentAt)
    if (against?.kind === 'wrong') return against
    const { collection, ids } = question
    const verdict = judge(question, answer, await this.#options.truth.at(claim.position, collection, ids))
    // What is false is false, whatever else cannot be known about the answer.
    return verdict.kind === 'wrong' ? verdict : (against ?? verdict)
  }

  async #keepLearning(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(learnEveryMs, signal)
      // The ids of before are still good to ask for.
      if (!signal.aborted) await this.#questions.learn().catch(() => undefined)
    }
  }
}

/** Short and without the document that was asked for, so that equal reasons are counted together. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && typeof error.code === 'string') return error.code
  const { cause } = error
  // What `fetch` throws says no more than that it failed.
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return error.message.replace(/\bhttps?:\S+/g, 'URL').slice(0, 100)
}
