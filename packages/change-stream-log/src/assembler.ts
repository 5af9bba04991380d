import { ChangeStreamError } from '@freshet/change-stream'
import type { Change } from '@freshet/protocol'
import { ClusterOrder } from './cluster-order.ts'
import type { FollowedTables } from './collections.ts'
import { Commits } from './commits.ts'
import {
  RecordDecoder,
  type DebeziumRecord,
  type SnapshotRecord,
  type RecordOrigin,
  type RowRecord,
  type TruncateRecord,
} from './record.ts'
import { lost, RowChanges } from './row-changes.ts'
import { snapshotRemedies, Snapshots } from './snapshots.ts'
import { Transactions, type Event } from './transactions.ts'
import type { LogRecord } from './transport.ts'

/** Turns the records of a log into changes: whole transactions, in order, each once. */
export class LogAssembler {
  readonly #tables: FollowedTables
  readonly #decoder = new RecordDecoder()
  readonly #transactions: Transactions
  readonly #rows: RowChanges
  readonly #commits: Commits
  readonly #snapshots = new Snapshots()
  /** `undefined`: the database is not MongoDB. Before its first change, the log may be of any database. */
  #clusterOrder: ClusterOrder | undefined
  /** Below this offset records may have been removed, so transactions may lack some. */
  #wholeFrom = 0
  #server: string | undefined
  /** When the latest record was written, if it is a heartbeat. */
  #beatMs: number | undefined
  #hasBeats = false
  /** Whether Debezium notifies of snapshots, also of those that it skips. */
  #notifies = false
  /** Whether compaction may have removed rows of one table because of another. */
  #sharedKeys = false

  constructor(tables: FollowedTables, maxOpenBytes: number) {
    this.#tables = tables
    this.#transactions = new Transactions(maxOpenBytes)
    this.#rows = new RowChanges(tables)
    this.#commits = new Commits(this.#transactions, this.#rows)
    this.#clusterOrder = new ClusterOrder(this.#transactions, this.#rows, this.#commits)
  }

  /** Every record below was applied, except those of transactions that have not ended. */
  get through(): number {
    return this.#commits.through
  }

  /** Whether the state at `through` may be shown: nothing that may be missing is ahead. */
  get isWhole(): boolean {
    return (
      this.through > 0 &&
      !this.#snapshots.running &&
      this.#clusterOrder?.isExact !== false &&
      this.through >= this.#wholeFrom
    )
  }

  /** Whether a transaction has begun and not ended. */
  get isOpen(): boolean {
    return this.#transactions.open !== undefined
  }

  /** Whether the log has a heartbeat. */
  get hasBeats(): boolean {
    return this.#hasBeats
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
    if (!this.#snapshots.any)
      throw new ChangeStreamError('CONTENT_UNKNOWN', 'expected a log that begins with a snapshot, got none', {
        remedy: snapshotRemedies[this.#notifies ? 'skipped' : 'missing'],
      })
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
    this.#hasBeats ||= this.#beatMs !== undefined
    if (this.#transactions.open === undefined) this.#commits.through = record.offset + 1
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
        return this.#change(decoded, value?.length ?? 0, offset)
      case 'truncate':
        this.#expectServer(decoded.origin)
        this.#change(decoded, value?.length ?? 0, offset)
        return this.#endTruncate(decoded.origin, offset)
      case 'message':
        return this.#inTransaction(decoded, value?.length ?? 0, offset)
      case 'heartbeat':
        return this.#heartbeat(decoded.atMs, offset)
      case 'snapshot':
        return this.#notified(decoded, offset)
      case 'other':
    }
  }

  /** @throws {ChangeStreamError} UNSUPPORTED */
  #expectServer({ server, connector }: RecordOrigin): void {
    this.#server ??= server
    if (connector !== 'mongodb') this.#clusterOrder = undefined
    if (server === this.#server) return
    throw new ChangeStreamError(
      'UNSUPPORTED',
      `expected records of one connector, got ${this.#server} and ${server}`,
      { remedy: 'Let each connector write to a topic of its own. A new topic.prefix needs a new topic.' },
    )
  }

  #change(event: RowRecord | TruncateRecord, bytes: number, offset: number): void {
    this.#endSnapshot()
    if (this.#clusterOrder === undefined) return this.#inTransaction(event, bytes, offset)
    this.#clusterOrder.change(event, bytes, offset)
  }

  #inTransaction(event: Event, bytes: number, offset: number): void {
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
   * Debezium writes a heartbeat after a change, also within a transaction. A second one without a change between them says that
   * MongoDB had nothing more. It has a later time, or a producer wrote one twice.
   */
  #heartbeat(atMs: number, offset: number): void {
    if (this.#beatMs === undefined || atMs <= this.#beatMs || this.#clusterOrder === undefined) return
    this.#endSnapshot()
    this.#clusterOrder.reachedEnd(offset)
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
    if (open !== undefined) this.#commits.apply(open)
  }

  /** The log lacks a change. Only a new snapshot can tell what it was. */
  #lacks(what: string, remedy = 'Take a new snapshot into a new topic.'): void {
    this.#rows.lacks('transaction', new ChangeStreamError('CONTENT_UNKNOWN', what, { remedy }))
  }

  #snapshotRow(row: RowRecord, offset: number): void {
    const { snapshot, order } = row.origin
    if (snapshot === 'incremental') {
      this.#clusterOrder?.endBefore(order?.commit, offset)
      return this.#rows.row(row)
    }
    if (!this.#snapshots.running)
      throw new ChangeStreamError(
        'UNSUPPORTED',
        `expected a notification of the snapshot before its rows, at offset ${offset}`,
        { remedy: snapshotRemedies.missing },
      )
    this.#snapshots.read()
    const followed = this.#tables.find(row.table)
    if (followed !== undefined && this.#snapshots.isFirst(followed.collection))
      this.#rows.empty(followed.collection)
    this.#rows.row(row)
  }

  #notified({ status, atMs, keyIsShared }: SnapshotRecord, offset: number): void {
    this.#notifies = true
    // The router that names the table in keys cannot read records of MongoDB.
    if (!keyIsShared) this.#clusterOrder = undefined
    if (status === 'started') return this.#beginSnapshot(offset)
    if (status === 'reading') return this.#snapshots.read()
    if (status === 'skipped') return this.#endSnapshot()
    // Connectors that read only the definitions of tables notify of a snapshot too. MongoDB has none, but may be without collections.
    if (!this.#snapshots.hasRead && this.#clusterOrder === undefined)
      this.#lacks('the snapshot has read no table', snapshotRemedies.unread)
    this.#completeSnapshot()
    this.#clusterOrder?.completed(atMs)
  }

  #beginSnapshot(offset: number): void {
    if (this.#rows.live) throw lost(`a new snapshot begins at offset ${offset}`)
    this.#commits.startAnew()
    this.#rows.known.forgetTransactions()
    this.#snapshots.begin(this.#rows.known.collections())
  }

  /** What comes is not of a snapshot. @throws {ChangeStreamError} CONTENT_UNKNOWN, UNSUPPORTED */
  #endSnapshot(): void {
    if (this.#snapshots.running)
      this.#lacks('the snapshot has not been completed', snapshotRemedies.incomplete)
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
