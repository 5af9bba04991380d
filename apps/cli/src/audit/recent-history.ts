import type { Batch, Origin, Sink } from '@freshet/change-stream'
import { POSITION_ZERO, type Change, type Position, type SourceId } from '@freshet/protocol'

/** A state of a document: its JSON, absent, or changed to something that the feed did not contain. */
type State = Buffer | 'absent' | 'unknown'

/** A change that happened after `after` and at or before `through`. */
interface Version {
  readonly after: Position
  readonly through: Position
  /** The order within a batch. */
  readonly order: number
  readonly state: State
}

/** What the history says about a document at a position. */
export type Past =
  /** It is what was read. */
  | { readonly kind: 'present' }
  | { readonly kind: 'past'; readonly state: Buffer | 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string }

/** Documents in memory. When they are more, the history starts over. */
const maxBytes = 256 * 1024 * 1024
const VERSION_BYTES = 200

/** What changed since a position, from a feed of its own. */
export class RecentHistory implements Sink {
  readonly #documents = new Map<string, Version[]>()
  /** Changes of whole collections, by name; those of all collections under the empty name. */
  readonly #collections = new Map<string, Version[]>()
  #batches: { readonly after: Position; readonly through: Position }[] = []
  #bytes = 0
  #order = 0
  #epoch = 0
  #source: SourceId | undefined
  #from: Position = POSITION_ZERO
  #through: Position = POSITION_ZERO
  #failure: Error | undefined
  #wake: () => void = () => undefined
  #awake = Promise.resolve()

  constructor() {
    this.#next()
  }

  get source(): SourceId | undefined {
    return this.#source
  }

  /** The number of times that the history has started over. */
  get epoch(): number {
    return this.#epoch
  }

  /** The first position that it covers. */
  get from(): Position {
    return this.#from
  }

  get through(): Position {
    return this.#through
  }

  /** Why the feed is interrupted. */
  get failure(): Error | undefined {
    return this.#failure
  }

  begin({ source, at }: Origin): void {
    // Positions of another history say nothing about this one.
    const floor = this.#source === undefined || this.#source === source ? POSITION_ZERO : this.#through
    this.#source = source
    this.#startOver(at > floor ? at : floor)
    this.#through = at
    this.#next()
  }

  apply({ changes, through }: Batch): void {
    const after = this.#through
    this.#failure = undefined
    for (const change of changes) this.#record(change, after, through)
    if (changes.length > 0) this.#batches.push({ after, through })
    this.#through = through
    if (this.#bytes > maxBytes) this.#startOver(through)
    this.#next()
  }

  broken(error: Error): void {
    this.#failure = error
    this.#next()
  }

  /** Resolves when something has happened since the call. */
  happened(): Promise<void> {
    return this.#awake
  }

  /**
   * The state of a document at a position within the history, relative to a read.
   * @param until nothing after it was read.
   */
  at(collection: string, id: string, position: Position, until: Position): Past {
    const changes = this.#of(collection, id).filter(({ after }) => after < until)
    if (changes.some(({ after, through }) => after < position && position < through))
      return { kind: 'unknown', reason: 'the document changed near that position' }
    const last = changes.findLast(({ through }) => through <= position)
    if (changes.every(({ through }) => through <= position)) return { kind: 'present' }
    if (last === undefined || last.state === 'unknown')
      return { kind: 'unknown', reason: 'the document has changed since, and its state before is unknown' }
    return { kind: 'past', state: last.state }
  }

  /** Records a state that was read. If nothing has changed it yet, it is still known after the next change. */
  observe(collection: string, id: string, state: Buffer | 'absent'): void {
    if (this.#of(collection, id).length > 0) return
    this.#add(this.#documents, `${collection}/${id}`, { after: this.#from, through: this.#from, state })
  }

  /** Whether anything changed after a position, and at or before another one. */
  changed(after: Position, until: Position): 'yes' | 'no' | 'unknown' {
    const overlapping = this.#batches.filter((batch) => batch.through > after && batch.after < until)
    if (overlapping.some((batch) => batch.after >= after && batch.through <= until)) return 'yes'
    return overlapping.length === 0 ? 'no' : 'unknown'
  }

  #of(collection: string, id: string): readonly Version[] {
    const own = this.#documents.get(`${collection}/${id}`) ?? []
    const shared = [...(this.#collections.get(collection) ?? []), ...(this.#collections.get('') ?? [])]
    return shared.length === 0 ? own : [...own, ...shared].toSorted((one, other) => one.order - other.order)
  }

  #record(change: Change, after: Position, through: Position): void {
    const version = (state: State) => ({ after, through, state })
    switch (change.kind) {
      case 'upsert':
        return this.#add(
          this.#documents,
          `${change.collection}/${change.id}`,
          version(Buffer.from(change.document)),
        )
      case 'delete':
        return this.#add(this.#documents, `${change.collection}/${change.id}`, version('absent'))
      case 'invalidate':
        return this.#add(this.#documents, `${change.collection}/${change.id}`, version('unknown'))
      case 'drop-collection':
        return this.#add(this.#collections, change.collection, version('absent'))
      case 'invalidate-collection':
        return this.#add(this.#collections, change.collection, version('unknown'))
      case 'invalidate-all':
        return this.#add(this.#collections, '', version('unknown'))
    }
  }

  #add(versions: Map<string, Version[]>, key: string, version: Omit<Version, 'order'>): void {
    this.#order += 1
    const list = versions.get(key) ?? []
    versions.set(key, list)
    list.push({ ...version, order: this.#order })
    this.#bytes += VERSION_BYTES + (typeof version.state === 'string' ? 0 : version.state.length)
  }

  #startOver(from: Position): void {
    this.#epoch += 1
    this.#from = from
    this.#documents.clear()
    this.#collections.clear()
    this.#batches = []
    this.#bytes = 0
  }

  #next(): void {
    const wake = this.#wake
    this.#awake = new Promise((resolve) => {
      this.#wake = resolve
    })
    wake()
  }
}
