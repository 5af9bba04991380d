import type { Bytes, Change, Id, Invalidate, Position } from '@freshet/protocol'

/** A change as written. An invalidated document has content too, which the feed omits. */
export type MemoryWrite =
  Exclude<Change, { readonly kind: 'invalidate' }> | (Invalidate & { readonly document: Bytes })

/** The writes of one position. */
export interface Commit {
  readonly at: Position
  readonly changes: readonly Change[]
}

interface Version {
  readonly at: Position
  readonly document: Bytes | undefined
}

/** Every commit and every version of every document, so any past position can be read. */
export class History {
  readonly #commits: Commit[] = []
  readonly #versions = new Map<string, Map<Id, Version[]>>()
  #forgotten: Position | undefined

  add(at: Position, writes: readonly MemoryWrite[]): void {
    for (const write of writes) this.#remember(at, write)
    this.#commits.push({ at, changes: writes.map(told) })
  }

  /** Commits after a position, in order. */
  after(position: Position): readonly Commit[] {
    let first = this.#commits.length
    while (first > 0 && (this.#commits[first - 1]?.at ?? position) > position) first -= 1
    return this.#commits.slice(first)
  }

  /** Changes up to here can no longer be followed. */
  forget(through: Position): void {
    this.#forgotten = through
  }

  knows(position: Position): boolean {
    return this.#forgotten === undefined || position >= this.#forgotten
  }

  documentAt(position: Position, collection: string, id: Id): Bytes | undefined {
    const versions = this.#versions.get(collection)?.get(id) ?? []
    return versions.findLast((version) => version.at <= position)?.document
  }

  #remember(at: Position, write: MemoryWrite): void {
    switch (write.kind) {
      case 'upsert':
      case 'invalidate':
        return this.#version(write.collection, write.id, { at, document: Buffer.from(write.document) })
      case 'delete':
        return this.#version(write.collection, write.id, { at, document: undefined })
      case 'drop-collection':
        for (const id of this.#versions.get(write.collection)?.keys() ?? [])
          this.#version(write.collection, id, { at, document: undefined })
        return
      case 'invalidate-collection':
      case 'invalidate-all':
    }
  }

  #version(collection: string, id: Id, version: Version): void {
    const ids = this.#versions.get(collection) ?? new Map<Id, Version[]>()
    this.#versions.set(collection, ids)
    const versions = ids.get(id)
    if (versions) versions.push(version)
    else ids.set(id, [version])
  }
}

function told(write: MemoryWrite): Change {
  if (write.kind !== 'invalidate') return write
  const { document: _, ...change } = write
  return change
}
