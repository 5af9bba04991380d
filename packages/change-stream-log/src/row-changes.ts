import { ChangeStreamError } from '@freshet/change-stream'
import type { Change } from '@freshet/protocol'
import type { FollowedTables } from './collections.ts'
import { KnownRows } from './known-rows.ts'
import { isBefore } from './order.ts'
import { lacksValue, type RowRecord } from './record.ts'
import { documentIn, idOf } from './rows.ts'
import type { Event } from './transactions.ts'
import { unavailableRemedy } from './unavailable.ts'

/** Applies rows in the order of their database, and collects the changes that they are. */
export class RowChanges {
  readonly known = new KnownRows()
  readonly #tables: FollowedTables
  #changes: Change[] = []
  /** Whether the state is shown, so that nothing may be missing or wrong. */
  live = false

  constructor(tables: FollowedTables) {
    this.#tables = tables
  }

  /** The changes since the previous call, in order. */
  take(): readonly Change[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** @throws {ChangeStreamError} CONTENT_UNKNOWN, HISTORY_LOST; only while the state is shown. */
  apply(event: Event): void {
    if (event.kind === 'row') return this.row(event)
    if (event.kind !== 'truncate') return
    const followed = this.#tables.find(event.table)
    if (followed !== undefined) this.empty(followed.collection)
    const replaced = event.renamedTo && this.#tables.find(event.renamedTo)
    if (replaced === undefined) return
    this.lacks(
      `${replaced.collection}/`,
      new ChangeStreamError('CONTENT_UNKNOWN', `another collection was renamed to '${replaced.collection}'`, {
        remedy: 'Take a new snapshot into a new topic.',
      }),
    )
  }

  empty(collection: string): void {
    this.known.empty(collection)
    this.#changes.push({ kind: 'drop-collection', collection })
  }

  /**
   * Whether what is known of a row includes a change: it was applied, or a later one was. `undefined`: nothing is known of the
   * row.
   */
  includes(event: Event): boolean | undefined {
    const order = event.origin.order?.change
    if (event.kind !== 'row' || order === undefined) return undefined
    const followed = this.#tables.find(event.table)
    const id = followed && idOf(followed, event)
    if (followed === undefined || id === undefined) return true
    const latest = this.known.latest(followed.collection, id)
    return latest === undefined ? undefined : !isBefore(latest, order)
  }

  /** @throws {ChangeStreamError} see `apply` */
  row(row: RowRecord): void {
    const followed = this.#tables.find(row.table)
    const id = followed && idOf(followed, row)
    if (followed === undefined || id === undefined) return
    const { collection } = followed
    const { order, snapshot, connector } = row.origin
    if (this.known.isOld(collection, id, order?.change)) {
      if (this.live && snapshot === undefined) throw lost(`a change of ${collection}/${id} is out of order`)
      return
    }
    if (row.op === 'd') {
      this.known.delete(collection, id, order?.change)
      this.#changes.push({ kind: 'delete', collection, id })
      return
    }
    this.known.upsert(collection, id, order?.change)
    if (lacksValue(row)) this.#unavailable(`${collection}/${id}`, connector)
    if (row.after === undefined) return
    this.#changes.push({ kind: 'upsert', collection, id, document: documentIn(row.after, connector) })
  }

  #unavailable(key: string, connector: string): void {
    const remedy = unavailableRemedy(connector, '…')
    this.lacks(key, new ChangeStreamError('CONTENT_UNKNOWN', `the log lacks a value of ${key}`, { remedy }))
  }

  /** The present state lacks something. @throws {ChangeStreamError} the fault, while the state is shown. */
  lacks(key: string, fault: ChangeStreamError): void {
    if (this.live) throw fault
    this.known.lacks(key, fault)
  }
}

/** The log has to be read again. */
export function lost(what: string): ChangeStreamError {
  return new ChangeStreamError('HISTORY_LOST', what, { remedy: 'None needed: the log is read again.' })
}
