import type { Entry, MemoryTopic } from './memory-topic.ts'

/** One change of a transaction, of the table `products` unless it names another. */
export type Write = { readonly table?: string } & (
  | { readonly op: 'c' | 'u'; readonly id: string; readonly after: Readonly<Record<string, unknown>> }
  | { readonly op: 'd'; readonly id: string }
  | { readonly op: 't' }
)

export interface WriterOptions {
  readonly schemas?: boolean
  /** Default: `postgresql`. */
  readonly connector?: 'postgresql' | 'mariadb'
}

/** Writes records as Debezium 3.6 does for PostgreSQL or MariaDB, with its router for one topic. */
export class DebeziumWriter {
  readonly #topic: MemoryTopic
  #lsn = 1_000
  #txId = 700
  #commitLsn = 0
  readonly #schemas: boolean
  readonly #connector: 'postgresql' | 'mariadb'

  constructor(topic: MemoryTopic, { schemas = false, connector = 'postgresql' }: WriterOptions = {}) {
    this.#topic = topic
    this.#schemas = schemas
    this.#connector = connector
  }

  /** Appends a transaction. */
  commit(...writes: readonly Write[]): void {
    this.#topic.append(...this.transaction(...writes))
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
    // A TRUNCATE of MariaDB is a transaction by itself, and has no END.
    const ends = this.#connector === 'postgresql' || writes.every(({ op }) => op !== 't')
    return [begin, ...entries, ...(ends ? [end] : [])]
  }

  /** The records of a snapshot of the table. */
  snapshot(rows: readonly Readonly<Record<string, unknown>>[]): readonly Entry[] {
    this.#lsn += 8
    const mark = (index: number): string =>
      index === rows.length - 1 ? 'last' : index === 0 ? 'first' : 'true'
    return rows.map((after, index) => [
      this.#key('products', String(after['id'])),
      this.#value({
        before: null,
        after,
        source: this.#source('products', mark(index)),
        op: 'r',
        transaction: null,
      }),
    ])
  }

  #change(write: Write, order: number): readonly Entry[] {
    this.#lsn += 8
    const transaction = { id: this.#transactionId(), total_order: order, data_collection_order: order }
    const after = 'after' in write ? write.after : null
    const { table = 'products' } = write
    const value = this.#value({
      before: null,
      after,
      source: this.#source(table, 'false'),
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
    return this.#connector === 'mariadb' ? `0-1-${this.#txId}` : `${this.#txId}:${this.#lsn}`
  }

  #source(table: string, snapshot: string): Readonly<Record<string, unknown>> {
    const sequence = JSON.stringify([
      this.#commitLsn === 0 ? null : String(this.#commitLsn),
      String(this.#lsn),
    ])
    const all = { connector: this.#connector, name: 'app', snapshot, db: 'shop', table }
    if (this.#connector === 'mariadb')
      return {
        ...all,
        server_id: 1,
        file: 'binlog.000001',
        pos: this.#lsn,
        row: 0,
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
