import type { Answer, Condition, Question, TruthSource } from './contract.ts'
import type { PositionPoller } from './position-poller.ts'

const idsPerCollection = 200
const severalIds = 10
const maxEtags = 2_000

/** Probability of each kind of question. */
const shares = { several: 0.2, absentId: 0.1, head: 0.1, noneMatch: 0.15, match: 0.05, atLeast: 0.15 }

export interface QuestionsParts {
  readonly truth: Pick<TruthSource, 'someIds' | 'absentId'>
  readonly collections: readonly string[]
  readonly poller: Pick<PositionPoller, 'latest'>
  /** In [0, 1). */
  readonly random: () => number
}

/**
 * Generates random questions. Cycles through the collections. Most of the documents exist, some do not.
 */
export class Questions {
  readonly #parts: QuestionsParts
  readonly #ids = new Map<string, readonly string[]>()
  /** Latest ETags by `<collection>/<id>`, in order of the answers. */
  readonly #etags = new Map<string, string>()

  constructor(parts: QuestionsParts) {
    this.#parts = parts
  }

  /** Number of known ids. */
  get known(): number {
    return [...this.#ids.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  /** Samples document ids again. Rejects if the database cannot be read. */
  async refreshIds(): Promise<void> {
    const { truth, collections } = this.#parts
    for (const name of collections) this.#ids.set(name, await truth.someIds(name, idsPerCollection))
  }

  /** @param turn the number of questions sent to this reader before. */
  next(turn: number): Question {
    const { collections } = this.#parts
    const collection = collections[turn % collections.length] ?? ''
    const several = this.#chance('several')
    const ids = Array.from({ length: several ? severalIds : 1 }, () => this.#idIn(collection))
    const { latest } = this.#parts.poller
    const method = this.#chance('head') ? 'HEAD' : 'GET'
    const atLeastLatest = this.#chance('atLeast') && latest?.source !== undefined
    const atLeast = atLeastLatest ? { atLeast: { source: latest.source, at: latest.position } } : {}
    if (several) return { collection, ids: [...new Set(ids)], form: 'several', method, ...atLeast }
    const condition = this.#conditionOf(`${collection}/${ids[0]}`)
    return { collection, ids, form: 'one', method, ...(condition && { condition }), ...atLeast }
  }

  /** Remembers the ETag of a correct answer. */
  remember({ collection, ids, form }: Question, { status, etag }: Answer): void {
    if (form !== 'one' || status !== 200 || etag === undefined) return
    const key = `${collection}/${ids[0]}`
    this.#etags.delete(key)
    this.#etags.set(key, etag)
    const [oldest] = this.#etags.keys()
    if (this.#etags.size > maxEtags && oldest !== undefined) this.#etags.delete(oldest)
  }

  #conditionOf(key: string): Condition | undefined {
    const etag = this.#etags.get(key)
    if (etag === undefined) return undefined
    if (this.#chance('noneMatch')) return { kind: 'none-match', etag }
    return this.#chance('match') ? { kind: 'match', etag } : undefined
  }

  #idIn(collection: string): string {
    const { truth, random } = this.#parts
    const known = this.#ids.get(collection) ?? []
    const id = this.#chance('absentId') ? undefined : known[Math.floor(random() * known.length)]
    return id ?? truth.absentId(collection, random)
  }

  #chance(kind: keyof typeof shares): boolean {
    return this.#parts.random() < shares[kind]
  }
}
