import { ChangeStreamError } from '@freshet/change-stream'
import type { Change } from '@freshet/protocol'
import type { FollowedTables } from './collections.ts'
import { mongodbRemedies } from './mongodb.ts'
import { isBefore } from './order.ts'
import {
  RecordDecoder,
  type DebeziumRecord,
  type RecordOrigin,
  type RowRecord,
  type TruncateRecord,
} from './record.ts'
import { lost, RowChanges } from './row-changes.ts'
import { Snapshots } from './snapshots.ts'
import { Transactions, type Event, type Open } from './transactions.ts'
import type { LogRecord } from './transport.ts'

/** A snapshot of MongoDB is left behind by a change that is this much later: more than clocks differ. */
const CLOCKS_DIFFER_MS = 60_000

/** Turns the records of a log into changes: whole transactions, in order, each once. */
export class LogAssembler {
  readonly #tables: FollowedTables
  readonly #decoder = new RecordDecoder()
  readonly #transactions: Transactions
  readonly #rows: RowChanges
  #through = 0
  /** Below this offset records may have been removed, so transactions may lack some. */
  #wholeFrom = 0
  #server: string | undefined
  #connector: string | undefined
  readonly #snapshots = new Snapshots()
  /** MongoDB's snapshots are not of one moment: the state is exact again when changes have come as far as this time. */
  #exactFromMs: number | undefined
  /** When the latest record was written, if it is a heartbeat. */
  #beatMs: number | undefined
  /** Whether compaction may have removed rows of one table because of another. */
  #sharedKeys = false
  /** The place of the latest transaction. */
  #commit: string | undefined

  constructor(tables: FollowedTables, maxOpenBytes: number) {
    this.#tables = tables
    this.#transactions = new Transactions(maxOpenBytes)
    this.#rows = new RowChanges(tables)
  }

  /** Every record below was applied, except those of transactions that have not ended. */
  get through(): number {
    return this.#through
  }

  /** Whether the state at `through` may be shown: nothing that may be missing is ahead. */
  get isWhole(): boolean {
    return (
      this.#through > 0 &&
      !this.#snapshots.running &&
      !(this.#mayBeMongoDb && this.#exactFromMs !== undefined) &&
      this.#through >= this.#wholeFrom
    )
  }

  /** Whether a transaction has begun and not ended. */
  get isOpen(): boolean {
    return this.#transactions.open !== undefined
  }

  /** The changes of complete transactions, in order. */
  take(): readonly Change[] {
    return this.#rows.take()
  }

  /** Records below `end` were removed; later ones say what they said. @throws {ChangeStreamError} HISTORY_LOST */
  removed(end: number): void {
    if (this.#rows.live) throw lost('records that were not read yet were removed from the log')
    this.#wholeFrom = Math.max(this.#wholeFrom, end)
  }

  /** From now on the state is shown, so nothing may be missing or wrong. @throws {ChangeStreamError} */
  goLive(): void {
    const { fault } = this.#rows.known
    if (fault !== undefined) throw fault
    if (this.#sharedKeys && this.#wholeFrom > 0)
      throw new ChangeStreamError('UNSUPPORTED', 'expected keys that name their table, in a compacted log', {
        remedy: 'Use ByLogicalTableRouter, or a topic that is not compacted.',
      })
    this.#rows.live = true
  }

  /** @throws {ChangeStreamError} */
  record(record: LogRecord): void {
    const decoded = this.#decoder.decode(record)
    this.#apply(decoded, record)
    this.#beatMs = decoded.kind === 'heartbeat' ? decoded.atMs : undefined
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
        this.#sharedKeys ||= decoded.keyIsShared
        if (decoded.origin.snapshot !== undefined) return this.#snapshotRow(decoded, offset)
        if (decoded.origin.connector === 'mongodb') return this.#inOrder(decoded, value?.length ?? 0, offset)
        return this.#event(decoded, value?.length ?? 0, offset)
      case 'truncate':
        if (decoded.origin.connector === 'mongodb') return this.#inOrder(decoded, value?.length ?? 0, offset)
        this.#event(decoded, value?.length ?? 0, offset)
        return this.#endTruncate(decoded.origin, offset)
      case 'message':
        return this.#event(decoded, value?.length ?? 0, offset)
      case 'heartbeat':
        return this.#heartbeat(decoded.atMs, offset)
      case 'snapshot':
        if (decoded.status === 'started') return this.#beginSnapshot(offset, true)
        this.#completeSnapshot()
        this.#exactFromMs = decoded.atMs + CLOCKS_DIFFER_MS
        return
      case 'other':
    }
  }

  /** @throws {ChangeStreamError} UNSUPPORTED */
  #expectServer({ server, connector }: RecordOrigin): void {
    this.#server ??= server
    this.#connector ??= connector
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
          'Set provide.transaction.metadata=true, use no XA transactions of MySQL or MariaDB, and take a new snapshot into a new topic.',
      })
    if (!this.#transactions.isApplied(transaction)) this.#transactions.add(transaction, event, bytes, offset)
  }

  /**
   * A change of MongoDB. Without a transaction, it is one by itself. It ends those before it, because Debezium may have been
   * killed before it wrote their END, and because the changes of MongoDB have one order.
   */
  #inOrder(event: RowRecord | TruncateRecord, bytes: number, offset: number): void {
    this.#endSnapshot()
    if (!this.#snapshots.any) this.#lacks('the log has no snapshot of what there was before its first change')
    const { transaction, order, atMs } = event.origin
    if (this.#exactFromMs !== undefined && atMs > this.#exactFromMs) this.#exactFromMs = undefined
    const key = event.kind === 'row' ? [...event.key.values()] : []
    const id = transaction ?? [order?.change, event.table.table, ...key].join()
    if (this.#transactions.isApplied(id)) return this.#repeated(event)
    this.#commitBefore(order?.commit, offset)
    if (transaction !== undefined) return this.#transactions.add(id, event, bytes, offset)
    this.#transactions.end(id)
    this.#commitAll({ id, from: offset, events: [event], bytes })
  }

  /** A change of what has ended already. It was applied, unless the transaction went on. */
  #repeated(event: RowRecord | TruncateRecord): void {
    const included = this.#rows.includes(event)
    const isNew = included === undefined && event.kind === 'row' && event.op !== 'd'
    if (included !== false && !(isNew && event.origin.order?.commit === this.#commit)) return
    if (this.#rows.live) throw lost('a transaction went on after its end')
    this.#rows.apply(event)
  }

  /** Commits what has begun, if it is before another change. `undefined`: in any case. */
  #commitBefore(commit: string | undefined, offset: number): void {
    for (const open of this.#transactions.pending) {
      const own = open.events[0]?.origin.order?.commit
      if (own === undefined || (commit !== undefined && !isBefore(own, commit))) continue
      this.#transactions.end(open.id)
      this.#commitAll(open)
      this.#through = offset
    }
  }

  /**
   * Debezium writes a heartbeat after a change, also within a transaction. A second one without a change between them says that
   * MongoDB had nothing more. It has a later time, or a producer wrote one twice.
   */
  #heartbeat(atMs: number, offset: number): void {
    if (this.#beatMs === undefined || atMs <= this.#beatMs || !this.#mayBeMongoDb) return
    this.#endSnapshot()
    this.#exactFromMs = undefined
    this.#commitBefore(undefined, offset)
  }

  get #mayBeMongoDb(): boolean {
    return this.#connector === undefined || this.#connector === 'mongodb'
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
    const whole = open === undefined ? this.#rows.live || this.#wholeFrom === 0 : open.from >= this.#wholeFrom
    if (whole && came < events)
      this.#lacks(`transaction ${id} should have ${events} records, got ${came}, at offset ${offset}`)
    if (open !== undefined) this.#commitAll(open)
  }

  /** The log lacks a change. Only a new snapshot can tell what it was. */
  #lacks(what: string): void {
    this.#rows.lacks(
      'transaction',
      new ChangeStreamError('CONTENT_UNKNOWN', what, { remedy: 'Take a new snapshot into a new topic.' }),
    )
  }

  #commitAll({ id, events }: Open): void {
    const commit = events[0]?.origin.order?.commit
    if (commit !== undefined) {
      const late = this.#commit !== undefined && isBefore(commit, this.#commit)
      if (late && this.#rows.live) {
        if (!this.#transactions.forgot || events.some((event) => this.#rows.includes(event) !== true))
          throw lost(`transaction ${id} is out of order`)
        return
      }
      if (!late) this.#commit = commit
    }
    for (const event of events) this.#rows.apply(event)
  }

  #snapshotRow(row: RowRecord, offset: number): void {
    const { snapshot, connector, order } = row.origin
    const isMongoDb = connector === 'mongodb'
    if (snapshot === 'incremental') {
      if (isMongoDb) this.#commitBefore(order?.commit, offset)
      return this.#rows.row(row)
    }
    if (isMongoDb && !this.#snapshots.announced)
      throw new ChangeStreamError(
        'UNSUPPORTED',
        `expected a notification of the snapshot before its rows, at offset ${offset}`,
        { remedy: mongodbRemedies.snapshots },
      )
    if (this.#snapshots.isFirst(row.origin)) this.#beginSnapshot(offset)
    const followed = this.#tables.find(row.table)
    if (this.#snapshots.read(row.origin, followed?.collection) && followed !== undefined)
      this.#rows.empty(followed.collection)
    this.#rows.row(row)
    if (snapshot === 'last' && !this.#snapshots.announced) this.#completeSnapshot()
  }

  #beginSnapshot(offset: number, announced = false): void {
    if (this.#rows.live) throw lost(`a new snapshot begins at offset ${offset}`)
    this.#commit = undefined
    this.#transactions.startAnew()
    this.#rows.known.forgetTransactions()
    this.#snapshots.begin(this.#rows.known.collections(), announced)
  }

  /** What comes is not of a snapshot. @throws {ChangeStreamError} CONTENT_UNKNOWN, UNSUPPORTED */
  #endSnapshot(): void {
    if (this.#snapshots.announced) this.#lacks('the snapshot has not been completed')
    this.#completeSnapshot()
  }

  /** @throws {ChangeStreamError} UNSUPPORTED */
  #completeSnapshot(): void {
    if (!this.#snapshots.running) return
    const collection = this.#snapshots.end()
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
}
