import { setMaxListeners } from 'node:events'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { claimOf, Claims } from './claims.ts'
import type { Answer, Question, ReaderClient, TruthSource, Verdict } from './contract.ts'
import { judge, refusalReason } from './judge.ts'
import { PositionWatch } from './position-watch.ts'
import { PositionPoller } from './position-poller.ts'
import { Questions } from './questions.ts'
import { AuditReport } from './report.ts'
import type { AuditSummary } from './report.ts'

/** Options of an audit. */
export interface AuditorOptions {
  readonly truth: TruthSource
  readonly readers: readonly ReaderClient[]
  readonly collections: readonly string[]
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** Concurrent questions per reader. */
  readonly concurrency: number
  /** Pause between two questions of one worker, in milliseconds. */
  readonly pauseMs: number
}

const refreshIdsEveryMs = 2_000

/** One reader and its state in the audit. */
interface AuditedReader {
  readonly client: ReaderClient
  readonly watch: PositionWatch
  /** Number of questions sent. */
  turns: number
}

/**
 * Requests random documents from readers while the system runs, and compares each answer with the database at the position
 * that the answer names. Also checks the source, position and age of each answer. Readers are audited separately, so that
 * the positions of each one can be tracked.
 */
export class Auditor {
  readonly #options: AuditorOptions
  readonly #report: AuditReport
  readonly #poller: PositionPoller
  readonly #questions: Questions
  readonly #claims: Claims

  constructor(options: AuditorOptions) {
    const { truth, clock, collections, random, readers } = options
    this.#options = options
    this.#poller = new PositionPoller(truth, clock)
    this.#questions = new Questions({ truth, collections, random, poller: this.#poller })
    this.#claims = new Claims({ truth, clock, poller: this.#poller })
    const urls = readers.map(({ url }) => url)
    this.#report = new AuditReport(urls, collections)
  }

  /**
   * Runs until `signal` aborts and each responding reader was queried about each collection. Rejects if the database cannot
   * be read at the start; later failures are retried.
   */
  async run(signal: AbortSignal): Promise<AuditSummary> {
    await this.#questions.refreshIds()
    await this.#poller.poll()
    const { readers, concurrency } = this.#options
    const done = new AbortController()
    // Each worker adds listeners while it sleeps.
    setMaxListeners(readers.length * concurrency + 10, signal)
    const workers = readers.flatMap((reader) => {
      const audited: AuditedReader = { client: reader, watch: new PositionWatch(), turns: 0 }
      return Array.from({ length: concurrency }, () => this.#askRepeatedly(audited, signal))
    })
    const background = [this.#poller.run(done.signal), this.#keepRefreshingIds(done.signal)]
    await Promise.all(workers).finally(() => done.abort())
    await Promise.all(background)
    return this.summary
  }

  /** What has been found so far. */
  get summary(): AuditSummary {
    return this.#report.summary()
  }

  /** Number of known document ids. */
  async knownIds(): Promise<number> {
    await this.#questions.refreshIds()
    return this.#questions.known
  }

  async #askRepeatedly(audited: AuditedReader, signal: AbortSignal): Promise<void> {
    const { clock, pauseMs, collections } = this.#options
    let answered: boolean
    do {
      const question = this.#questions.next(audited.turns)
      audited.turns += 1
      answered = await this.#askOnce(audited, question)
      await clock.sleep(pauseMs, signal)
    } while (!signal.aborted || (answered && audited.turns < collections.length))
  }

  /** @returns whether the reader answered. */
  async #askOnce({ client, watch }: AuditedReader, question: Question): Promise<boolean> {
    const floor = watch.floor()
    const sentAt = this.#options.clock.now()
    let answer: Answer
    try {
      answer = await client.ask(question)
    } catch (error) {
      const verdict: Verdict = { kind: 'refused', reason: `no answer: ${reasonOf(error)}` }
      this.#report.add(verdict, { reader: client.url, question, position: undefined })
      return false
    }
    const { source, position } = answer
    const backwards = source && position ? watch.record(floor, source, position) : undefined
    const reason = refusalReason(answer)
    const claim = reason === undefined ? claimOf(answer) : undefined
    const verdict: Verdict =
      backwards !== undefined
        ? { kind: 'wrong', what: backwards }
        : claim === undefined
          ? { kind: 'refused', reason: reason ?? '' }
          : await this.#verdict(question, answer, claim, sentAt)
    if (verdict.kind === 'right') this.#questions.remember(question, answer)
    const freshness = claim && 'ageS' in claim ? claim : undefined
    this.#report.add(verdict, { reader: client.url, question, position }, freshness)
    return true
  }

  async #verdict(
    question: Question,
    answer: Answer,
    claim: ReturnType<typeof claimOf>,
    sentAt: MonotonicMs,
  ): Promise<Verdict> {
    if ('missing' in claim) return { kind: 'wrong', what: claim.missing }
    const claimVerdict = await this.#claims.judge(question, claim, sentAt)
    if (claimVerdict?.kind === 'wrong') return claimVerdict
    const { collection, ids } = question
    const verdict = judge(question, answer, await this.#options.truth.at(claim.position, collection, ids))
    // A wrong answer is wrong even if its claims cannot be checked.
    return verdict.kind === 'wrong' ? verdict : (claimVerdict ?? verdict)
  }

  async #keepRefreshingIds(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(refreshIdsEveryMs, signal)
      // The previous ids can still be used.
      if (!signal.aborted) await this.#questions.refreshIds().catch(() => undefined)
    }
  }
}

/** A short reason without the URL of the document, so that equal reasons are counted together. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && typeof error.code === 'string') return error.code
  const { cause } = error
  // Errors of `fetch` have the reason in their cause.
  if (typeof cause === 'object' && cause !== null && 'code' in cause) return String(cause.code)
  return error.message.replace(/\bhttps?:\S+/g, 'URL').slice(0, 100)
}
