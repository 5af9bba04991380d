import type { Answer, AskedCondition, Question, TruthSource } from './contract.ts'
import type { Pulse } from './pulse.ts'

const idsPerCollection = 200
const severalIds = 10
const maxEtags = 2_000

/** How often a question is of a kind, out of one. */
const shares = { several: 0.2, strangeId: 0.1, head: 0.1, noneMatch: 0.15, match: 0.05, atLeast: 0.15 }

export interface QuestionsParts {
  readonly truth: Pick<TruthSource, 'someIds' | 'strangeId'>
  readonly collections: readonly string[]
  readonly pulse: Pick<Pulse, 'newest'>
  /** In [0, 1). */
  readonly random: () => number
}

/**
 * Makes up questions by chance. The collections take turns, so that each is asked about; of the documents most are there,
 * and some are not.
 */
export class Questions {
  readonly #parts: QuestionsParts
  readonly #ids = new Map<string, readonly string[]>()
  /** What was answered last, by `<collection>/<id>`; in the order of the answers. */
  readonly #etags = new Map<string, string>()

  constructor(parts: QuestionsParts) {
    this.#parts = parts
  }

  /** Ids that are known to ask for. */
  get known(): number {
    return [...this.#ids.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  /** Learns anew which documents there are. Rejects when the database cannot be read. */
  async learn(): Promise<void> {
    const { truth, collections } = this.#parts
    for (const name of collections) this.#ids.set(name, await truth.someIds(name, idsPerCollection))
  }

  /** @param turn how many were asked of this reader before. */
  next(turn: number): Question {
    const { collections } = this.#parts
    const collection = collections[turn % collections.length] ?? ''
    const several = this.#happens('several')
    const ids = Array.from({ length: several ? severalIds : 1 }, () => this.#idIn(collection))
    const { newest } = this.#parts.pulse
    const method = this.#happens('head') ? 'HEAD' : 'GET'
    const late = this.#happens('atLeast') && newest?.source !== undefined
    const atLeast = late ? { atLeast: { source: newest.source, at: newest.position } } : {}
    if (several) return { collection, ids: [...new Set(ids)], form: 'several', method, ...atLeast }
    const condition = this.#conditionOf(`${collection}/${ids[0]}`)
    return { collection, ids, form: 'one', method, ...(condition && { condition }), ...atLeast }
  }

  /** Remembers the ETag of an answer that was right. */
  remember({ collection, ids, form }: Question, { status, etag }: Answer): void {
    if (form !== 'one' || status !== 200 || etag === undefined) return
    const key = `${collection}/${ids[0]}`
    this.#etags.delete(key)
    this.#etags.set(key, etag)
    const [oldest] = this.#etags.keys()
    if (this.#etags.size > maxEtags && oldest !== undefined) this.#etags.delete(oldest)
  }

  #conditionOf(key: string): AskedCondition | undefined {
    const etag = this.#etags.get(key)
    if (etag === undefined) return undefined
    if (this.#happens('noneMatch')) return { kind: 'none-match', etag }
    return this.#happens('match') ? { kind: 'match', etag } : undefined
  }

  #idIn(collection: string): string {
    const { truth, random } = this.#parts
    const known = this.#ids.get(collection) ?? []
    const id = this.#happens('strangeId') ? undefined : known[Math.floor(random() * known.length)]
    return id ?? truth.strangeId(collection, random)
  }

  #happens(kind: keyof typeof shares): boolean {
    return this.#parts.random() < shares[kind]
  }
}
