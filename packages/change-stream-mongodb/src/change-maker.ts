import { BSON } from '@freshet/guard'
import { identityId } from '@freshet/mongodb-rules'
import { parseLineage, type Change, type DocumentChange, type Lineage } from '@freshet/protocol'
import { compareTimes, type ClusterTime } from './cluster-time.ts'
import type { EventReader } from './event.ts'

/** Events that change no document and no definition that matters here. */
const harmless: ReadonlySet<string> = new Set(['createIndexes', 'dropIndexes'])

const invalidateAll: Change = Object.freeze({ kind: 'invalidate-all' })

/**
 * Makes changes of a feed's events, one after the other. A cause is an event of its own, which comes before the one of
 * the document in the same transaction; so it is remembered from one event to the next.
 */
export class ChangeMaker {
  #cause: { readonly lineage: Lineage; readonly time: ClusterTime } | undefined

  /**
   * Adds what an event of MongoDB means in our words. An `update` carries a delta, which cannot be applied byte by byte:
   * it says only that the document changed. What is not known is taken as the worst.
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
    // Its record is made before the write and removed after it.
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

  /** A record that was left behind says nothing about what others write later. */
  #causeAt(event: EventReader): Lineage | undefined {
    return this.#cause && compareTimes(this.#cause.time, event) === 0 ? this.#cause.lineage : undefined
  }
}

function changeOf(event: EventReader, operation: string, collection: string, id: string): DocumentChange {
  if (operation === 'delete') return { kind: 'delete', collection, id }
  const document = operation === 'update' ? undefined : event.document
  return document ? { kind: 'upsert', collection, id, document } : { kind: 'invalidate', collection, id }
}

/** Whoever may write into this collection may write anything: what is no lineage says nothing. */
function causeIn({ document }: EventReader): Lineage | undefined {
  const cause = document && fieldsOf(document)?.['cause']
  return typeof cause === 'string' ? parseLineage(cause) : undefined
}

/** `undefined`: they cannot be read. The server takes texts that are not UTF-8, and one of them must not end every feed. */
function fieldsOf(document: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return BSON.deserialize(document)
  } catch {
    // The same as a record of another form: nobody's change, as far as is known.
    return undefined
  }
}

function addCollectionChange(
  kind: 'drop-collection' | 'invalidate-collection',
  watched: EventReader['collection'],
  changes: Change[],
): void {
  if (watched?.use === 'told') changes.push({ kind, collection: watched.name })
}

/** Whether the event may change which history this is: then it must be asked for again. */
export function touchesIdentity(event: EventReader): boolean {
  const watched = event.collection
  if (watched?.use !== 'control') return event.target?.use === 'control'
  const id = event.idIn(watched)
  return id === undefined || id === identityId
}
