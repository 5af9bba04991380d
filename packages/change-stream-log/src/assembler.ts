import { ChangeStreamError } from '@freshet/change-stream'
import type { Change } from '@freshet/protocol'
import { idOf, type FollowedTables } from './collections.ts'
import { documentOf } from './json-text.ts'
import { KnownRows } from './known-rows.ts'
import { isBefore } from './order.ts'
import {
  lacksValue,
  RecordDecoder,
  type DebeziumRecord,
  type RecordOrigin,
  type RowRecord,
} from './record.ts'
import { Transactions, type Event, type Open } from './transactions.ts'
import type { LogRecord } from './transport.ts'

/** The value of `source.snapshot` in rows that are read while changes are followed. */
const INCREMENTAL = 'incremental'

/** Turns the records of a log into changes: whole transactions, in order, each once. */
export class LogAssembler {
  readonly #tables: FollowedTables
  readonly #decoder = new RecordDecoder()
  readonly #transactions: Transactions
  readonly #rows = new KnownRows()
  #changes: Change[] = []
  #through = 0
  /** Below this offset records may have been removed, so transactions may lack some. */
  #wholeFrom = 0
  #live = false
  #server: string | undefined
  /** Which snapshot was last seen: all of its rows have the same place in the database's log. */
  #snapshot: string | undefined
  #inSnapshot = false
  /** Collections that had rows before the snapshot that runs, and have none in it so far. */
  readonly #before = new Set<string>()
  /** The place of the latest transaction. */
  #commit: string | undefined

  constructor(tables: FollowedTables, maxOpenBytes: number) {
    this.#tables = tables
    this.#transactions = new Transactions(maxOpenBytes)
  }

  /** Every record below was applied, except those of transactions that have not ended. */
  get through(): number {
    return this.#through
  }

  /** Whether the state at `through` may be shown: nothing that may be missing is ahead. */
  get isWhole(): boolean {
    return !this.#inSnapshot && this.#through >= this.#wholeFrom
  }

  /** Whether a transaction has begun and not ended. */
  get isOpen(): boolean {
    return this.#transactions.open !== undefined
  }

  /** The changes of complete transactions, in order. */
  take(): readonly Change[] {
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  /** Records below `end` were removed; later ones say what they said. @throws {ChangeStreamError} HISTORY_LOST */
  removed(end: number): void {
    if (this.#live) throw lost('records that were not read yet were removed from the log')
    this.#wholeFrom = Math.max(this.#wholeFrom, end)
  }

  /** From now on the state is shown, so nothing may be missing or wrong. @throws {ChangeStreamError} */
  goLive(): void {
    if (this.#rows.fault !== undefined) throw this.#rows.fault
    this.#live = true
  }

  /** @throws {ChangeStreamError} */
  record(record: LogRecord): void {
    const decoded = this.#decoder.decode(record)
    this.#apply(decoded, record)
    if (this.#transactions.open === undefined) this.#through = record.offset + 1
  }

  #apply(decoded: DebeziumRecord, { offset, value }: LogRecord): void {
    switch (decoded.kind) {
      case 'begin':
        this.#endSnapshot()
        if (!this.#transactions.isApplied(decoded.transaction))
          this.#transactions.begin(decoded.transaction, offset)
        return
      case 'end':
        return this.#end(decoded.transaction, decoded.events, offset)
      case 'row':
        this.#expectServer(decoded.origin)
        if (decoded.origin.snapshot !== undefined) return this.#snapshotRow(decoded, offset)
        return this.#event(decoded, value?.length ?? 0, offset)
      case 'truncate':
        this.#event(decoded, value?.length ?? 0, offset)
        return this.#endTruncate(decoded.origin, offset)
      case 'message':
        return this.#event(decoded, value?.length ?? 0, offset)
      case 'other':
    }
  }

  /** @throws {ChangeStreamError} UNSUPPORTED */
  #expectServer({ server }: RecordOrigin): void {
    this.#server ??= server
    if (server === this.#server) return
    throw new ChangeStreamError(
      'UNSUPPORTED',
      `expected records of one connector, got ${this.#server} and ${server}`,
      { remedy: 'Let each connector write to a topic of its own. A new topic.prefix needs a new topic.' },
    )
  }

  #event(event: Event, bytes: number, offset: number): void {
    this.#endSnapshot()
    const { transaction } = event.origin
    if (transaction === undefined)
      throw new ChangeStreamError('UNSUPPORTED', `expected a transaction in the record at offset ${offset}`, {
        remedy:
          'Set provide.transaction.metadata=true, use no XA transactions of MySQL or MariaDB, and create the topic anew.',
      })
    if (!this.#transactions.isApplied(transaction)) this.#transactions.add(transaction, event, bytes, offset)
  }

  /** MySQL and MariaDB commit a TRUNCATE by itself, at once. Debezium 3.6 writes no END of its transaction. */
  #endTruncate({ connector, transaction }: RecordOrigin, offset: number): void {
    if (transaction !== undefined && (connector === 'mysql' || connector === 'mariadb'))
      this.#end(transaction, 1, offset)
  }

  #end(id: string, events: number, offset: number): void {
    this.#endSnapshot()
    if (this.#transactions.isApplied(id)) return
    const open = this.#transactions.end(id)
    const { interrupted } = this.#transactions
    if (interrupted.length > 0 && (open?.from ?? offset) >= this.#wholeFrom) {
      this.#transactions.abandon()
      this.#lacks(`transaction ${interrupted.join(', ')} did not continue before ${id}`)
    }
    const came = open?.events.length ?? 0
    // Where records were removed, the beginning of a transaction may be missing with its rows.
    const whole = open === undefined ? this.#live || this.#wholeFrom === 0 : open.from >= this.#wholeFrom
    if (whole && came < events)
      this.#lacks(`transaction ${id} should have ${events} records, got ${came}, at offset ${offset}`)
    if (open !== undefined) this.#commitAll(open)
  }

  /** The log lacks a change. Only a new snapshot can tell what it was. */
  #lacks(what: string): void {
    const error = new ChangeStreamError('CONTENT_UNKNOWN', what, {
      remedy: 'Take a new snapshot into a new topic.',
    })
    if (this.#live) throw error
    this.#rows.lacks('transaction', error)
  }

  #commitAll({ id, events }: Open): void {
    const commit = events[0]?.origin.order?.commit
    if (commit !== undefined) {
      const late = this.#commit !== undefined && isBefore(commit, this.#commit)
      if (late && this.#live) throw lost(`transaction ${id} is out of order`)
      if (!late) this.#commit = commit
    }
    for (const event of events) {
      if (event.kind === 'row') this.#row(event)
      else if (event.kind === 'truncate') {
        const followed = this.#tables.find(event.table)
        if (followed !== undefined) this.#empty(followed.collection)
      }
    }
  }

  #snapshotRow(row: RowRecord, offset: number): void {
    const { snapshot, order, server } = row.origin
    if (snapshot === INCREMENTAL) return this.#row(row)
    const id = `${server} ${order?.change ?? ''}`
    if (id !== this.#snapshot || (snapshot === 'first' && this.#inSnapshot)) {
      if (this.#live) throw lost(`a new snapshot begins at offset ${offset}`)
      this.#beginSnapshot(id)
    }
    this.#inSnapshot = true
    const followed = this.#tables.find(row.table)
    if (followed !== undefined && this.#before.delete(followed.collection)) this.#empty(followed.collection)
    this.#row(row)
    if (snapshot === 'last') this.#endSnapshot()
  }

  /** A new snapshot replaces everything: what was deleted since the previous one left no trace. */
  #beginSnapshot(id: string): void {
    this.#snapshot = id
    this.#commit = undefined
    this.#transactions.abandon()
    this.#rows.forgetTransactions()
    for (const collection of this.#rows.collections()) this.#before.add(collection)
  }

  /** @throws {ChangeStreamError} UNSUPPORTED */
  #endSnapshot(): void {
    if (!this.#inSnapshot) return
    this.#inSnapshot = false
    const [collection] = this.#before
    this.#before.clear()
    if (collection !== undefined)
      this.#rows.lacks(
        `${collection}/`,
        new ChangeStreamError(
          'UNSUPPORTED',
          `expected rows of '${collection}' in the latest snapshot, as before it: they were deleted, or not read`,
          { remedy: 'Take the snapshot into a new topic.' },
        ),
      )
  }

  #empty(collection: string): void {
    this.#rows.empty(collection)
    this.#changes.push({ kind: 'drop-collection', collection })
  }

  #row(row: RowRecord): void {
    const followed = this.#tables.find(row.table)
    const id = followed && idOf(followed, row)
    if (followed === undefined || id === undefined) return
    const { collection } = followed
    const order = row.origin.order?.change
    if (this.#rows.isOld(collection, id, order)) {
      if (this.#live && row.origin.snapshot === undefined)
        throw lost(`a change of ${collection}/${id} is out of order`)
      return
    }
    if (row.op === 'd' || row.after === undefined) {
      this.#rows.delete(collection, id, order)
      this.#changes.push({ kind: 'delete', collection, id })
      return
    }
    this.#rows.upsert(collection, id, order)
    if (lacksValue(row.after)) this.#unavailable(`${collection}/${id}`)
    // MongoDB's connector puts the document into a string.
    const json = row.after.startsWith('"') ? String(JSON.parse(row.after)) : row.after
    this.#changes.push({ kind: 'upsert', collection, id, document: documentOf(json) })
  }

  #unavailable(key: string): void {
    const error = new ChangeStreamError('CONTENT_UNKNOWN', `the log lacks a value of ${key}`, {
      remedy: 'Run ALTER TABLE … REPLICA IDENTITY FULL, and update the row.',
    })
    if (this.#live) throw error
    this.#rows.lacks(key, error)
  }
}

function lost(what: string): ChangeStreamError {
  return new ChangeStreamError('HISTORY_LOST', what, { remedy: 'None needed: the log is read again.' })
}
