import type { Question, Verdict } from './contract.ts'
import { Tally, type Counts, type Freshness } from './tally.ts'

/** A wrong answer. */
export interface WrongAnswer {
  readonly reader: string
  readonly question: Question
  readonly position: string | undefined
  readonly what: string
}

/** `right`: everything was correct. `wrong`: at least one answer was not. `unproved`: too little could be checked. */
export type Outcome = 'right' | 'wrong' | 'unproved'

/** Counts of one reader. */
interface ReaderCounts extends Counts {
  /** Why too little could be checked; empty if enough was. */
  readonly unproved: readonly string[]
}

/** The result of an audit. */
export interface AuditSummary extends Counts {
  readonly outcome: Outcome
  /** By URL. */
  readonly readers: Readonly<Record<string, ReaderCounts>>
  /** The first wrong answers, up to twenty. */
  readonly examples: readonly WrongAnswer[]
}

const maxExamples = 20

/** Minimum share of facts that must have been checked. */
const leastJudged = 0.9

/** Minimum share of checked facts that were proved by a majority heartbeat. There is none during an election. */
const leastProved = 0.1

/** Counts verdicts. */
export class AuditReport {
  readonly #tallies: ReadonlyMap<string, Tally>
  readonly #collections: readonly string[]
  readonly #examples: WrongAnswer[] = []

  /** @param readers the URLs of all readers, including those that never answer */
  constructor(readers: readonly string[], collections: readonly string[]) {
    this.#tallies = new Map(readers.map((reader) => [reader, new Tally()]))
    this.#collections = collections
  }

  add(verdict: Verdict, about: Omit<WrongAnswer, 'what'>, freshness?: Freshness): void {
    this.#tallies.get(about.reader)?.add(verdict, about.question.collection, freshness)
    if (verdict.kind === 'wrong' && this.#examples.length < maxExamples)
      this.#examples.push({ ...about, what: verdict.what })
  }

  summary(): AuditSummary {
    const all = new Tally()
    for (const tally of this.#tallies.values()) all.include(tally)
    const readers = [...this.#tallies].map(([url, tally]): [string, ReaderCounts] => [
      url,
      { ...tally.counts(), unproved: this.#unproved(tally) },
    ])
    const enough = readers.length > 0 && readers.every(([, { unproved }]) => unproved.length === 0)
    const outcome = all.counts().wrong > 0 ? 'wrong' : enough ? 'right' : 'unproved'
    return { outcome, ...all.counts(), readers: Object.fromEntries(readers), examples: [...this.#examples] }
  }

  /** Why too little about a reader could be checked. */
  #unproved(tally: Tally): readonly string[] {
    const { audited, unjudged, proved } = tally.counts()
    if (audited === 0) return ['none of its answers could be checked']
    const silent = this.#collections.filter((collection) => !tally.judged(collection))
    const notJudged = Object.values(unjudged).reduce((sum, times) => sum + times, 0)
    return [
      ...silent.map((collection) => `none of its answers about ${collection} could be checked`),
      ...(audited < (audited + notJudged) * leastJudged
        ? [`only ${audited} of its ${audited + notJudged} facts could be checked`]
        : []),
      ...(proved < audited * leastProved
        ? [`${audited - proved} of ${audited} answers are marked unproved: is a writer running?`]
        : []),
    ]
  }
}

/** The summary as text. */
export function formatSummary({ audited, wrong, readers, examples }: AuditSummary): string {
  const lies = examples.map(({ reader, question, position, what }) => {
    const path = `${question.collection}/${question.ids.join()}`
    return `  WRONG ${reader} ${path} at ${position ?? 'no position'}: ${what}`
  })
  const all = Object.entries(readers)
  const each = all.map(([reader, counts]) => `  ${counts.audited} of ${reader}, ${counts.wrong} wrong`)
  const silent = all.flatMap(([reader, { unproved }]) =>
    unproved.map((why) => `  TOO LITTLE CHECKED of ${reader}: ${why}`),
  )
  const counted = (what: string, counts: Readonly<Record<string, number>>, reader: string) =>
    Object.entries(counts).map(([reason, times]) => `  ${times} of ${reader} ${what}: ${reason}`)
  const reasons = all.flatMap(([reader, { unjudged, refused }]) => [
    ...counted('not checked', unjudged, reader),
    ...counted('no fact', refused, reader),
  ])
  return [`${audited} answers audited, ${wrong} wrong`, ...each, ...lies, ...silent, ...reasons].join('\n')
}
