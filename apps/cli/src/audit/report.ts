import type { Question, Verdict } from './contract.ts'

/** One answer that the database refutes. */
export interface WrongAnswer {
  readonly reader: string
  readonly question: Question
  readonly position: string | undefined
  readonly what: string
}

/** The result of an audit. */
export interface AuditSummary {
  /** Answers that were compared with the database. */
  readonly audited: number
  readonly wrong: number
  /** Answers that could not be compared, by reason. */
  readonly unjudged: Readonly<Record<string, number>>
  /** The first wrong answers, at most twenty. */
  readonly examples: readonly WrongAnswer[]
}

const maxExamples = 20

/** Counts verdicts. */
export class AuditReport {
  readonly #unjudged = new Map<string, number>()
  readonly #examples: WrongAnswer[] = []
  #audited = 0
  #wrong = 0

  add(verdict: Verdict, about: Omit<WrongAnswer, 'what'>): void {
    if (verdict.kind === 'unjudged') {
      this.#unjudged.set(verdict.reason, (this.#unjudged.get(verdict.reason) ?? 0) + 1)
      return
    }
    this.#audited += 1
    if (verdict.kind === 'right') return
    this.#wrong += 1
    if (this.#examples.length < maxExamples) this.#examples.push({ ...about, what: verdict.what })
  }

  summary(): AuditSummary {
    const unjudged = Object.fromEntries(this.#unjudged)
    return { audited: this.#audited, wrong: this.#wrong, unjudged, examples: [...this.#examples] }
  }
}

/** The summary for a person. */
export function inWords({ audited, wrong, unjudged, examples }: AuditSummary): string {
  const reasons = Object.entries(unjudged).map(([reason, times]) => `  ${times} not judged: ${reason}`)
  const lies = examples.map(({ reader, question, position, what }) => {
    const path = `${question.collection}/${question.ids.join()}`
    return `  WRONG ${reader} ${path} at ${position ?? 'no position'}: ${what}`
  })
  return [`${audited} answers audited, ${wrong} wrong`, ...lies, ...reasons].join('\n')
}
