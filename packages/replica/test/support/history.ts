import { positionOf, type Change, type Position, type SourceId, type Upsert } from '@freshet/protocol'

/** One write. Writes with the same position are a transaction. */
export type Write = Omit<Upsert, 'document'> | Exclude<Change, Upsert>

type State = ReadonlyMap<string, string>

/** The oracle: a model database readable at every past position. Contents are unique. */
export class History {
  readonly source: SourceId
  readonly keys: readonly string[]
  readonly commits: (readonly Write[])[] = []
  readonly #states: State[] = [new Map()]
  #stamp = 0

  constructor(source: SourceId, keys: readonly string[]) {
    this.source = source
    this.keys = keys
  }

  /** The number of commits. */
  get now(): number {
    return this.commits.length
  }

  /** The latest position. */
  get position(): Position {
    return positionOf(1, this.now)
  }

  /** The content of a document after `n` commits. */
  at(key: string, n: number): string | undefined {
    return this.#states[n]?.get(key)
  }

  /** Whether the collection was empty at any time from `n` on, so that reads at an earlier position prove nothing. */
  wasMissing(collection: string, n: number): boolean {
    const holds = (state: State): boolean => [...state.keys()].some((key) => key.startsWith(`${collection}/`))
    return this.#states.slice(n).some((state) => !holds(state))
  }

  commit(writes: readonly Write[]): void {
    const state = new Map(this.#states.at(-1))
    for (const write of writes) this.#write(state, write)
    this.commits.push(writes)
    this.#states.push(state)
  }

  /** The changes of commit `n`, as the feed delivers them. */
  changesOf(n: number): readonly Change[] {
    return (this.commits[n - 1] ?? []).flatMap((write): readonly Change[] => {
      if (write.kind !== 'upsert') return [write]
      const content = this.at(`${write.collection}/${write.id}`, n)
      return content === undefined ? [] : [{ ...write, document: Buffer.from(content) }]
    })
  }

  #write(state: Map<string, string>, write: Write): void {
    this.#stamp += 1
    if (write.kind === 'upsert' || write.kind === 'invalidate')
      state.set(`${write.collection}/${write.id}`, `s${this.#stamp}`)
    if (write.kind === 'delete') state.delete(`${write.collection}/${write.id}`)
    if ('id' in write) return
    const prefix = write.kind === 'invalidate-all' ? '' : `${write.collection}/`
    for (const key of state.keys()) if (key.startsWith(prefix)) state.delete(key)
    if (write.kind === 'drop-collection') return
    for (const key of this.keys) {
      if (key.startsWith(prefix) && (key.length + this.#stamp) % 2 === 0)
        state.set(key, `s${this.#stamp}-${key}`)
    }
  }
}
