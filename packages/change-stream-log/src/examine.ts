import { ChangeStreamError } from '@freshet/change-stream'
import { LogAssembler } from './assembler.ts'
import { FollowedTables } from './collections.ts'
import { defaultLogSourceOptions } from './options.ts'
import { silenceRemedies } from './proofs.ts'
import { lacksValue, RecordDecoder, type DebeziumRecord, type RowRecord } from './record.ts'
import { documentIn } from './rows.ts'
import { snapshotRemedies } from './snapshots.ts'
import type { LogIdentity, LogRecord, LogTransport } from './transport.ts'
import { unavailableRemedy } from './unavailable.ts'

/** What was found out about one requirement of a log. */
export interface LogFinding {
  readonly name: string
  readonly stands: boolean
  readonly seen: string
  /** What to change. */
  readonly remedy?: string | undefined
}

/** One table in a log. */
export interface LoggedTable {
  /** As `source` names it: `database.schema.table`. */
  readonly name: string
  readonly records: number
  readonly keyColumns: readonly string[]
  /** The document of the latest row. */
  readonly sample: string | undefined
}

export interface LogExamination {
  /** Offsets that were read: from the beginning to the end at the time. */
  readonly records: number
  readonly findings: readonly LogFinding[]
  readonly tables: readonly LoggedTable[]
}

/**
 * Reads a log from its beginning to its present end, and checks everything that a reader needs of it.
 * @param silentAfterMs the age of the latest record above which Debezium counts as silent.
 * @throws {ChangeStreamError} the log cannot be read.
 */
export async function examineLog(
  transport: LogTransport,
  wallMs: () => number,
  silentAfterMs: number,
  signal: AbortSignal,
): Promise<LogExamination> {
  const identity = await transport.identify(signal)
  const { id, first = 0 } = identity
  const seen = new Seen()
  if (first > 0) seen.removed(first)
  for await (const chunk of transport.read(id, first, signal)) {
    if (chunk.removed) seen.removed(chunk.end)
    for (const record of chunk.records) seen.record(record)
    if (chunk.next >= chunk.end) break
  }
  return seen.examination(identity, wallMs(), silentAfterMs)
}

interface Table {
  readonly connector: string
  records: number
  keyColumns: readonly string[]
  sample: RowRecord | undefined
  /** The keys of rows whose latest state lacks a value. */
  readonly lacking: Set<string>
}

class Seen {
  readonly #decoder = new RecordDecoder()
  /** No table is followed: only the transactions are checked. */
  readonly #assembler = new LogAssembler(
    new FollowedTables('', new Map()),
    defaultLogSourceOptions.maxOpenBytes,
  )
  readonly #tables = new Map<string, Table>()
  readonly #counts = { records: 0, heartbeats: 0, changes: 0, transactions: 0, loose: 0 }
  /** The offset at which each snapshot begins. */
  readonly #snapshots: number[] = []
  readonly #servers = new Set<string>()
  #malformed: ChangeStreamError | undefined
  #fault: ChangeStreamError | undefined
  #lastMs: number | undefined
  #removed = false
  /** Whether Debezium notifies of snapshots, also of those that it skips. */
  #notifies = false

  removed(end: number): void {
    this.#removed = true
    this.#assembler.removed(end)
  }

  record(record: LogRecord): void {
    this.#counts.records += 1
    this.#lastMs = record.timestampMs
    try {
      this.#decoded(this.#decoder.decode(record), record)
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      this.#malformed ??= error
      return
    }
    this.#assemble(() => this.#assembler.record(record))
  }

  #assemble(step: () => void): void {
    if (this.#fault !== undefined) return
    try {
      step()
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      this.#fault = error
    }
  }

  examination({ fault, unseen, remedy }: LogIdentity, nowMs: number, silentAfterMs: number): LogExamination {
    const snapshots = this.#snapshots
    if (snapshots.length > 0) this.#assemble(() => this.#assembler.goLive())
    const { records, heartbeats, changes, transactions, loose } = this.#counts
    const ageMs = this.#lastMs === undefined ? undefined : Math.max(0, Math.round(nowMs - this.#lastMs))
    const findings: readonly LogFinding[] = [
      finding(
        'complete',
        fault === undefined && unseen === undefined,
        fault ?? unseen ?? 'one order, and nothing is deleted by age or size',
        remedy,
      ),
      finding(
        'records',
        records > 0,
        `${records} records`,
        'Start the connector, and route its topics to this one.',
      ),
      finding(
        'format',
        this.#malformed === undefined,
        this.#malformed?.message ?? 'every record is one of Debezium',
        this.#malformed?.remedy,
      ),
      finding(
        'one connector',
        this.#servers.size <= 1,
        [...this.#servers].join(', ') || 'no changes yet',
        'Let each connector write to a topic of its own.',
      ),
      finding(
        'transactions',
        loose === 0 && (transactions > 0 || changes === 0),
        `${transactions} transactions, ${loose} changes outside of one`,
        'Set provide.transaction.metadata=true, use no XA transactions of MySQL or MariaDB, and take a new snapshot into a new topic.',
      ),
      finding(
        'nothing missing',
        this.#fault === undefined,
        this.#fault?.message ??
          (this.#removed ? 'records were removed: it cannot be checked' : 'every transaction is whole'),
        this.#fault?.remedy,
      ),
      finding('heartbeats', heartbeats > 0, `${heartbeats} heartbeats`, silenceRemedies.never),
      finding(
        'alive',
        ageMs !== undefined && ageMs <= silentAfterMs,
        ageMs === undefined ? 'no record' : `the latest record is ${ageMs} ms old`,
        silenceRemedies.now,
      ),
      finding(
        'one snapshot',
        snapshots.length === 1,
        snapshots.map((offset) => `at offset ${offset}`).join(', ') || 'none',
        snapshots.length === 0
          ? snapshotRemedies[this.#notifies ? 'skipped' : 'missing']
          : 'Take a new snapshot into a new topic: what was deleted between two snapshots left no trace.',
      ),
      ...this.#keys(),
      ...this.#values(),
    ]
    const tables = [...this.#tables].map(([name, { sample, records: count, keyColumns }]) => ({
      name,
      records: count,
      keyColumns,
      sample: sample?.after && Buffer.from(documentIn(sample.after, sample.origin.connector)).toString(),
    }))
    return { records, findings, tables }
  }

  #keys(): readonly LogFinding[] {
    return [...this.#tables]
      .filter(([, { keyColumns, records }]) => records > 0 && keyColumns.length !== 1)
      .map(([name, { keyColumns }]) =>
        finding(
          `key of ${name}`,
          false,
          keyColumns.join(', ') || 'none',
          'Serve another table, or set message.key.columns to one unique column.',
        ),
      )
  }

  #values(): readonly LogFinding[] {
    return [...this.#tables]
      .filter(([, { lacking }]) => lacking.size > 0)
      .map(([name, { lacking, connector }]) =>
        finding(
          `values of ${name}`,
          false,
          `${lacking.size} rows lack one`,
          unavailableRemedy(connector, name),
        ),
      )
  }

  /** It replaces every row. */
  #beginSnapshot(offset: number): void {
    this.#snapshots.push(offset)
    for (const { lacking } of this.#tables.values()) lacking.clear()
  }

  #decoded(decoded: DebeziumRecord, { offset }: LogRecord): void {
    if (decoded.kind === 'begin') this.#counts.transactions += 1
    if (decoded.kind === 'heartbeat') this.#counts.heartbeats += 1
    if (decoded.kind === 'snapshot') {
      this.#notifies = true
      if (decoded.status === 'started') this.#beginSnapshot(offset)
    }
    if (!('origin' in decoded)) return
    const { server, connector, snapshot, transaction } = decoded.origin
    this.#servers.add(server)
    // MongoDB's changes need no transaction.
    if (transaction === undefined && snapshot === undefined)
      this.#counts[connector === 'mongodb' ? 'transactions' : 'loose'] += 1
    if (snapshot === undefined) this.#counts.changes += 1
    if (decoded.kind === 'truncate') this.#tables.get(nameOf(decoded.table))?.lacking.clear()
    if (decoded.kind !== 'row') return
    const name = nameOf(decoded.table)
    const known = this.#tables.get(name) ?? newTable(connector)
    this.#tables.set(name, known)
    known.records += 1
    known.keyColumns = [...decoded.key.keys()]
    const key = JSON.stringify([...decoded.key.values()])
    if (lacksValue(decoded)) known.lacking.add(key)
    else known.lacking.delete(key)
    if (decoded.after !== undefined) known.sample = decoded
  }
}

function nameOf({ database, schema, table }: RowRecord['table']): string {
  return [database, schema, table].filter((part) => part !== undefined).join('.')
}

function newTable(connector: string): Table {
  return { connector, records: 0, keyColumns: [], sample: undefined, lacking: new Set() }
}

function finding(name: string, stands: boolean, seen: string, remedy: string | undefined): LogFinding {
  return { name, stands, seen, remedy: stands ? undefined : remedy }
}
