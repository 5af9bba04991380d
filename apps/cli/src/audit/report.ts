import type { Question, Verdict } from './contract.ts'
import { Tally, type Counts, type Said } from './tally.ts'

/** One answer that the database refutes. */
export interface WrongAnswer {
  readonly reader: string
  readonly question: Question
  readonly position: string | undefined
  readonly what: string
}

/** `right`: all that was said was right; `wrong`: something was not; `unproved`: too little could be judged. */
export type Outcome = 'right' | 'wrong' | 'unproved'

/** Answers of one reader. */
interface ReaderCounts extends Counts {
  /** Why too little is proved of it; empty: enough is. */
  readonly unproved: readonly string[]
}

/** The result of an audit. */
export interface AuditSummary extends Counts {
  readonly outcome: Outcome
  /** Each reader by its URL. */
  readonly readers: Readonly<Record<string, ReaderCounts>>
  /** The first wrong answers, at most twenty. */
  readonly examples: readonly WrongAnswer[]
}

const maxExamples = 20

/** Of the answers that state a fact, how many must have been compared with the database. */
const leastJudged = 0.9

/** How many of those must have had a sign of life from a majority; there is none during an election. */
const leastProved = 0.1

/** Counts verdicts. */
export class AuditReport {
  readonly #tallies: ReadonlyMap<string, Tally>
  readonly #collections: readonly string[]
  readonly #examples: WrongAnswer[] = []

  /** @param readers the URLs of all that are asked, so that one that never answers is there too */
  constructor(readers: readonly string[], collections: readonly string[]) {
    this.#tallies = new Map(readers.map((reader) => [reader, new Tally()]))
    this.#collections = collections
  }

  add(verdict: Verdict, about: Omit<WrongAnswer, 'what'>, said?: Said): void {
    this.#tallies.get(about.reader)?.add(verdict, about.question.collection, said)
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

  /** A reader of which nothing was judged may have lied all the time. */
  #unproved(tally: Tally): readonly string[] {
    const { audited, unjudged, proved } = tally.counts()
    if (audited === 0) return ['none of its answers could be judged']
    const silent = this.#collections.filter((collection) => !tally.judged(collection))
    const notJudged = Object.values(unjudged).reduce((sum, times) => sum + times, 0)
    return [
      ...silent.map((collection) => `none of its answers about ${collection} could be judged`),
      ...(audited < (audited + notJudged) * leastJudged
        ? [`only ${audited} of its ${audited + notJudged} facts could be judged`]
        : []),
      ...(proved < audited * leastProved
        ? [`${audited - proved} of ${audited} answers say that they are unproved: does a writer run?`]
        : []),
    ]
  }
}

/** The summary for a person. */
export function inWords({ audited, wrong, readers, examples }: AuditSummary): string {
  const lies = examples.map(({ reader, question, position, what }) => {
    const path = `${question.collection}/${question.ids.join()}`
    return `  WRONG ${reader} ${path} at ${position ?? 'no position'}: ${what}`
  })
  const all = Object.entries(readers)
  const each = all.map(([reader, counts]) => `  ${counts.audited} of ${reader}, ${counts.wrong} wrong`)
  const silent = all.flatMap(([reader, { unproved }]) =>
    unproved.map((why) => `  TOO LITTLE PROVED of ${reader}: ${why}`),
  )
  const counted = (what: string, counts: Readonly<Record<string, number>>, reader: string) =>
    Object.entries(counts).map(([reason, times]) => `  ${times} of ${reader} ${what}: ${reason}`)
  const reasons = all.flatMap(([reader, { unjudged, refused }]) => [
    ...counted('not judged', unjudged, reader),
    ...counted('no fact', refused, reader),
  ])
  return [`${audited} answers audited, ${wrong} wrong`, ...each, ...lies, ...silent, ...reasons].join('\n')
}
