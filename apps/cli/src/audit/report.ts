import type { Question, Verdict } from './contract.ts'

/** One answer that the database refutes. */
export interface WrongAnswer {
  readonly reader: string
  readonly question: Question
  readonly position: string | undefined
  readonly what: string
}

/** Answers of one reader, or of all. */
interface Counts {
  /** Answers that were compared with the database. */
  readonly audited: number
  readonly wrong: number
  /** Answers that could not be compared, by reason. */
  readonly unjudged: Readonly<Record<string, number>>
}

/** The result of an audit. */
export interface AuditSummary extends Counts {
  /** Each reader by its URL. One of which no answer was compared has proved nothing. */
  readonly readers: Readonly<Record<string, Counts>>
  /** The first wrong answers, at most twenty. */
  readonly examples: readonly WrongAnswer[]
}

const maxExamples = 20
/** Reasons beyond these, of one reader, are counted together. */
const maxReasons = 20
const otherReasons = 'other reasons'

/** Counts verdicts. */
export class AuditReport {
  readonly #tallies: ReadonlyMap<string, Tally>
  readonly #examples: WrongAnswer[] = []

  /** @param readers the URLs of all that are asked, so that one that never answers is there too */
  constructor(readers: readonly string[]) {
    this.#tallies = new Map(readers.map((reader) => [reader, new Tally()]))
  }

  add(verdict: Verdict, about: Omit<WrongAnswer, 'what'>): void {
    this.#tallies.get(about.reader)?.add(verdict)
    if (verdict.kind === 'wrong' && this.#examples.length < maxExamples)
      this.#examples.push({ ...about, what: verdict.what })
  }

  summary(): AuditSummary {
    const all = new Tally()
    for (const tally of this.#tallies.values()) all.include(tally)
    const readers = [...this.#tallies].map(([reader, tally]) => [reader, tally.counts()])
    return { ...all.counts(), readers: Object.fromEntries(readers), examples: [...this.#examples] }
  }
}

class Tally {
  readonly #unjudged = new Map<string, number>()
  #audited = 0
  #wrong = 0

  add(verdict: Verdict): void {
    if (verdict.kind === 'unjudged') return this.#count(verdict.reason, 1)
    this.#audited += 1
    if (verdict.kind === 'wrong') this.#wrong += 1
  }

  include(other: Tally): void {
    this.#audited += other.#audited
    this.#wrong += other.#wrong
    for (const [reason, times] of other.#unjudged) this.#count(reason, times)
  }

  counts(): Counts {
    return { audited: this.#audited, wrong: this.#wrong, unjudged: Object.fromEntries(this.#unjudged) }
  }

  #count(reason: string, times: number): void {
    const full = this.#unjudged.size >= maxReasons && !this.#unjudged.has(reason)
    const key = full ? otherReasons : reason
    this.#unjudged.set(key, (this.#unjudged.get(key) ?? 0) + times)
  }
}

/** Whether it proved something about every reader, and found nothing wrong. */
export function passes({ wrong, readers }: AuditSummary): boolean {
  const all = Object.values(readers)
  return wrong === 0 && all.length > 0 && all.every(({ audited }) => audited > 0)
}

/** The summary for a person. */
export function inWords({ audited, wrong, readers, examples }: AuditSummary): string {
  const lies = examples.map(({ reader, question, position, what }) => {
    const path = `${question.collection}/${question.ids.join()}`
    return `  WRONG ${reader} ${path} at ${position ?? 'no position'}: ${what}`
  })
  const silent = Object.entries(readers).flatMap(([reader, counts]) =>
    counts.audited > 0 ? [] : [`  NOTHING PROVED of ${reader}: none of its answers could be judged`],
  )
  const reasons = Object.entries(readers).flatMap(([reader, { unjudged }]) =>
    Object.entries(unjudged).map(([reason, times]) => `  ${times} of ${reader} not judged: ${reason}`),
  )
  return [`${audited} answers audited, ${wrong} wrong`, ...lies, ...silent, ...reasons].join('\n')
}
