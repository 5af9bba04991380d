import type { Bytes, Id, Position } from '@freshet/protocol'
import type { SourceReads, SourceReply } from '../contract.ts'
import type { MemorySource } from './source.ts'

/** Snapshot reads of a memory source, at any past position. */
export class SnapshotReads implements SourceReads {
  readonly #source: MemorySource

  constructor(source: MemorySource) {
    this.#source = source
  }

  read(position: Position, collection: string, ids: readonly Id[]): Promise<SourceReply> {
    return Promise.resolve({ kind: 'exact', documents: documentsAt(this.#source, position, collection, ids) })
  }

  head(): Promise<Position> {
    return Promise.resolve(this.#source.head)
  }

  check(collections: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return Promise.resolve(nothingAgainst(collections))
  }
}

/**
 * Reads of only the current state, as from a database without snapshot reads. They may lag behind the feed; see {@link
 * hold}.
 */
export class FencedReads implements SourceReads {
  readonly #source: MemorySource
  #visible: Position | undefined

  constructor(source: MemorySource) {
    this.#source = source
  }

  /** Hides subsequent commits from reads until the returned function is called. */
  hold(): () => void {
    this.#visible = this.#source.head
    return () => {
      this.#visible = undefined
    }
  }

  read(position: Position, collection: string, ids: readonly Id[]): Promise<SourceReply> {
    const visible = this.#visible ?? this.#source.head
    if (visible < position) return Promise.resolve({ kind: 'behind-feed' })
    const documents = documentsAt(this.#source, visible, collection, ids)
    return Promise.resolve({ kind: 'fenced', documents, until: this.#source.head })
  }

  head(): Promise<Position> {
    return Promise.resolve(this.#source.head)
  }

  check(collections: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    return Promise.resolve(nothingAgainst(collections))
  }
}

function documentsAt(
  { history }: MemorySource,
  position: Position,
  collection: string,
  ids: readonly Id[],
): ReadonlyMap<Id, Bytes> {
  const documents = new Map<Id, Bytes>()
  for (const id of ids) {
    const document = history.documentAt(position, collection, id)
    if (document) documents.set(id, document)
  }
  return documents
}

function nothingAgainst(collections: readonly string[]): ReadonlyMap<string, undefined> {
  return new Map(collections.map((name) => [name, undefined]))
}
