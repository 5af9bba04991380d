import { BSON } from '@freshet/guard'
import { identityId } from '@freshet/mongodb-rules'
import { parseLineage, type Change, type DocumentChange, type Lineage } from '@freshet/protocol'
import { compareTimes, type ClusterTime } from './cluster-time.ts'
import type { EventReader } from './event.ts'

/** Events that affect neither documents nor the definitions that matter here. */
const harmless: ReadonlySet<string> = new Set(['createIndexes', 'dropIndexes'])

const invalidateAll: Change = Object.freeze({ kind: 'invalidate-all' })

/**
 * Converts events to changes, in order. A cause is a separate event that precedes the document's event in the same
 * transaction, so it is remembered between events.
 */
export class ChangeDecoder {
  #cause: { readonly lineage: Lineage; readonly time: ClusterTime } | undefined

  /**
   * Appends the changes that an event represents. An `update` carries a delta that cannot be applied byte by byte, so
   * it becomes an invalidation. Unknown events invalidate everything.
   */
  add(event: EventReader, changes: Change[]): void {
    const { operation } = event
    switch (operation) {
      case 'insert':
      case 'replace':
      case 'update':
      case 'delete':
        return this.#addDocument(event, operation, changes)
      case 'drop':
        return addCollectionChange('drop-collection', event.collection, changes)
      case 'rename':
        addCollectionChange('drop-collection', event.collection, changes)
        return addCollectionChange('invalidate-collection', event.target, changes)
      case 'create':
      case 'modify':
        return addCollectionChange('invalidate-collection', event.collection, changes)
      default:
        if (!harmless.has(operation)) changes.push(invalidateAll)
    }
  }

  #addDocument(event: EventReader, operation: string, changes: Change[]): void {
    const watched = event.collection
    if (watched === undefined || watched.use === 'control') return
    // The record is inserted before the write and deleted after it.
    if (watched.use === 'causes') return this.#remember(event, operation)
    const id = event.idIn(watched)
    if (id === undefined) return
    const change = changeOf(event, operation, watched.name, id)
    const cause = this.#cause && this.#causeAt(event)
    changes.push(cause ? { ...change, cause } : change)
  }

  #remember(event: EventReader, operation: string): void {
    const lineage = operation === 'insert' ? causeIn(event) : undefined
    this.#cause = lineage && { lineage, time: { high: event.high, low: event.low } }
  }

  /** Ignores a leftover record: it says nothing about later writes. */
  #causeAt(event: EventReader): Lineage | undefined {
    return this.#cause && compareTimes(this.#cause.time, event) === 0 ? this.#cause.lineage : undefined
  }
}

function changeOf(event: EventReader, operation: string, collection: string, id: string): DocumentChange {
  if (operation === 'delete') return { kind: 'delete', collection, id }
  const document = operation === 'update' ? undefined : event.document
  return document ? { kind: 'upsert', collection, id, document } : { kind: 'invalidate', collection, id }
}

/** Anyone with access to this collection can write anything, so an invalid lineage is ignored. */
function causeIn({ document }: EventReader): Lineage | undefined {
  const cause = document && fieldsOf(document)?.['cause']
  return typeof cause === 'string' ? parseLineage(cause) : undefined
}

/**
 * `undefined` if unreadable. The server accepts strings that are not UTF-8, and one of them must not end every feed.
 */
function fieldsOf(document: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return BSON.deserialize(document)
  } catch {
    // Treated like a malformed record: the cause is unknown.
    return undefined
  }
}

function addCollectionChange(
  kind: 'drop-collection' | 'invalidate-collection',
  watched: EventReader['collection'],
  changes: Change[],
): void {
  if (watched?.use === 'data') changes.push({ kind, collection: watched.name })
}

/** Whether the event may change the source's identity, which must then be read again. */
export function mayChangeIdentity(event: EventReader): boolean {
  const watched = event.collection
  if (watched?.use !== 'control') return event.target?.use === 'control'
  const id = event.idIn(watched)
  return id === undefined || id === identityId
}
