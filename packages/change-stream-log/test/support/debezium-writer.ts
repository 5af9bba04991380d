import type { Entry, MemoryTopic } from './memory-topic.ts'

/** One change of a transaction, of the table `products` unless it names another. */
export type Write = {
  readonly table?: string
  /** The place within its statement. */
  readonly row?: number
} & (
  | { readonly op: 'c' | 'u'; readonly id: string; readonly after: Readonly<Record<string, unknown>> }
  | { readonly op: 'd'; readonly id: string }
  | { readonly op: 't' }
)

export interface WriterOptions {
  readonly schemas?: boolean
  /** Default: `postgresql`. */
  readonly connector?: Connector
  /** As with `binlog_transaction_compression=ON` of MySQL: all events of a transaction have one place. */
  readonly compressed?: boolean
  /** Nothing, as of a connector that keeps its place. Default: the log begins with a snapshot of an empty table. */
  readonly begins?: 'with nothing'
}

type Connector = 'postgresql' | 'mysql' | 'mariadb'

const serverUuid = '3d080d8f-ecd9-11f1-94d1-02fc00000001'

/** Writes records as Debezium 3.6 does for PostgreSQL, MySQL or MariaDB, with its router for one topic. */
export class DebeziumWriter {
  readonly #topic: MemoryTopic
  #lsn = 1_000
  #txId = 700
  #commitLsn = 0
  #notifications = 0
  readonly #schemas: boolean
  readonly #connector: Connector
  readonly #compressed: boolean

  constructor(
    topic: MemoryTopic,
    { schemas = false, connector = 'postgresql', compressed = false, begins }: WriterOptions = {},
  ) {
    this.#topic = topic
    this.#schemas = schemas
    this.#connector = connector
    this.#compressed = compressed
    if (begins === undefined) topic.append(...this.snapshot([]))
  }

  /** Appends a transaction. */
  commit(...writes: readonly Write[]): void {
    this.#topic.append(...this.transaction(...writes))
  }

  /** Goes on with the binary log of a replica, which has other places for the same transactions. */
  failOver(): void {
    this.#lsn = 100
  }

  beat(): void {
    this.#topic.append([
      { serverName: 'app', ...identifier('__debezium-heartbeat.app') },
      { ts_ms: Date.now() },
    ])
  }

  /** The records of a transaction. */
  transaction(...writes: readonly Write[]): readonly Entry[] {
    this.#txId += 1
    const begin = this.#mark('BEGIN', null)
    const entries = writes.flatMap((write, index) => this.#change(write, index + 1))
    const end = this.#mark('END', writes.length)
    this.#commitLsn = this.#lsn
    if (this.#connector === 'postgresql' || writes.every(({ op }) => op !== 't'))
      return [begin, ...entries, end]
    // A TRUNCATE is a transaction by itself: without END from MariaDB, and without anything from MySQL.
    return this.#connector === 'mysql' ? entries : [begin, ...entries]
  }

  /** The notification of a snapshot, of which each has an id of its own. */
  notification(type: string): Entry {
    this.#notifications += 1
    const id = `${this.#txId}-${this.#notifications}`
    const value = { id, type, aggregate_type: 'Initial Snapshot', additional_data: { connector_name: 'app' } }
    return [
      this.#wrapped({ id, ...identifier('app.notifications') }),
      this.#wrapped({ ...value, timestamp: Date.now() }),
    ]
  }

  /** The records of a snapshot of the table: that it begins, and reads the table, its rows, and that it is complete. */
  snapshot(rows: readonly Readonly<Record<string, unknown>>[]): readonly Entry[] {
    this.#lsn += 8
    const mark = (index: number): string =>
      index === rows.length - 1 ? 'last' : index === 0 ? 'first' : 'true'
    const read = rows.map((after, index): Entry => [
      this.#key('products', String(after['id'])),
      this.#value({
        before: null,
        after,
        source: this.#source('products', mark(index)),
        op: 'r',
        transaction: null,
      }),
    ])
    const begun = ['STARTED', 'IN_PROGRESS'].map((type) => this.notification(type))
    return [...begun, ...read, this.notification('COMPLETED')]
  }

  #change(write: Write, order: number): readonly Entry[] {
    if (!this.#compressed) this.#lsn += 8
    const id = this.#transactionId()
    const transaction =
      this.#connector === 'mysql' && write.op === 't'
        ? null
        : { id, total_order: order, data_collection_order: order }
    const after = 'after' in write ? write.after : null
    const { table = 'products' } = write
    const value = this.#value({
      before: null,
      after,
      source: this.#source(table, 'false', write.row),
      op: write.op,
      transaction,
    })
    if (write.op === 't') return [[undefined, value]]
    const key = this.#key(table, write.id)
    return write.op === 'd'
      ? [
          [key, value],
          [key, undefined],
        ]
      : [[key, value]]
  }

  #mark(status: 'BEGIN' | 'END', events: number | null): Entry {
    this.#lsn += 8
    const id = this.#transactionId()
    const value = { status, id, event_count: events, data_collections: null, ts_ms: Date.now() }
    return [this.#wrapped({ id, ...identifier('app.transaction') }), this.#wrapped(value)]
  }

  #transactionId(): string {
    if (this.#connector === 'mysql') return `${serverUuid}:${this.#txId}`
    return this.#connector === 'mariadb' ? `0-1-${this.#txId}` : `${this.#txId}:${this.#lsn}`
  }

  #source(table: string, snapshot: string, row = 0): Readonly<Record<string, unknown>> {
    const sequence = JSON.stringify([
      this.#commitLsn === 0 ? null : String(this.#commitLsn),
      String(this.#lsn),
    ])
    const all = { connector: this.#connector, name: 'app', snapshot, db: 'shop', table }
    if (this.#connector !== 'postgresql')
      return {
        ...all,
        server_id: 1,
        file: 'binlog.000001',
        pos: this.#lsn,
        row,
        gtid: this.#transactionId(),
      }
    return { ...all, schema: 'public', lsn: this.#lsn, txId: this.#txId, sequence }
  }

  #key(table: string, id: string): unknown {
    return this.#wrapped({ id, ...identifier(`app.public.${table}`) })
  }

  #value(envelope: Readonly<Record<string, unknown>>): unknown {
    return this.#wrapped({ ...envelope, ts_ms: Date.now() })
  }

  #wrapped(payload: unknown): unknown {
    return this.#schemas ? { schema: { type: 'struct', fields: [], optional: false }, payload } : payload
  }
}

const identifier = (name: string): Readonly<Record<string, string>> => ({
  __dbz__physicalTableIdentifier: name,
})
