import type { Change } from '@freshet/protocol'
import type { EventReader } from './event.ts'
import { identityId } from './watched.ts'

/** Events that change no document and no definition that matters here. */
const harmless: ReadonlySet<string> = new Set(['createIndexes', 'dropIndexes'])

const allTouched: Change = Object.freeze({ kind: 'all-touched' })

/**
 * Adds what an event of MongoDB means in our words. An `update` carries a delta, which cannot be applied byte by byte:
 * it says only that the document changed. What is not known is taken as the worst.
 */
export function addChangesOf(event: EventReader, changes: Change[]): void {
  const { operation } = event
  switch (operation) {
    case 'insert':
    case 'replace':
    case 'update':
    case 'delete':
      return addDocumentChange(event, operation, changes)
    case 'drop':
      return addNamespaceChange('namespace-gone', event.collection, changes)
    case 'rename':
      addNamespaceChange('namespace-gone', event.collection, changes)
      return addNamespaceChange('namespace-touched', event.target, changes)
    case 'create':
    case 'modify':
      return addNamespaceChange('namespace-touched', event.collection, changes)
    default:
      if (!harmless.has(operation)) changes.push(allTouched)
  }
}

function addDocumentChange(event: EventReader, operation: string, changes: Change[]): void {
  const watched = event.collection
  if (watched === undefined || watched.control) return
  const id = event.idIn(watched)
  if (id === undefined) return
  const collection = watched.name
  if (operation === 'delete') return void changes.push({ kind: 'gone', collection, id })
  const document = operation === 'update' ? undefined : event.document
  changes.push(document ? { kind: 'put', collection, id, document } : { kind: 'touched', collection, id })
}

function addNamespaceChange(
  kind: 'namespace-gone' | 'namespace-touched',
  watched: EventReader['collection'],
  changes: Change[],
): void {
  if (watched !== undefined && !watched.control) changes.push({ kind, collection: watched.name })
}

/** Whether the event may change which history this is: then it must be asked for again. */
export function touchesIdentity(event: EventReader): boolean {
  const watched = event.collection
  if (watched?.control !== true) return event.target?.control === true
  const id = event.idIn(watched)
  return id === undefined || id === identityId
}
