import type { Entry, MemoryTopic } from './memory-topic.ts'

/** One change of the collection `products` unless it names another. Ids are strings unless `key` has the extended JSON of one. */
export interface MongoDbWrite {
  readonly op?: 'c' | 'd'
  readonly collection?: string
  readonly id: string
  readonly key?: string
  /** Members of the document beside `_id`, in extended JSON. */
  readonly members?: string
}

/** Writes records as Debezium 3.6 does for MongoDB, routed to one topic, in the order of their cluster times. */
export class MongoDbWriter {
  readonly #topic: MemoryTopic
  #seconds = 1_796_055_000
  #counter = 0
  #transaction = 0
  #beats = 0

  constructor(topic: MemoryTopic) {
    this.#topic = topic
  }

  /** When a snapshot has read what there is now. */
  get nowMs(): number {
    return this.#seconds * 1_000 + 500
  }

  beats(count: number): void {
    for (let beat = 0; beat < count; beat += 1) this.#topic.append(this.beat())
  }

  /** The entry of a heartbeat. Each one has a later time. */
  beat(): Entry {
    this.#beats += 1
    return [{ serverName: 'app' }, { ts_ms: this.nowMs + this.#beats }]
  }

  passSeconds(seconds: number): void {
    this.#seconds += seconds
    this.#counter = 0
  }

  /** Changes without a transaction: the entries of each. */
  changes(...writes: readonly MongoDbWrite[]): readonly Entry[] {
    return writes.flatMap((write) => {
      this.#counter += 1
      return this.#change(write, null)
    })
  }

  /** BEGIN, the changes, and the END that comes with the next change. */
  transaction(...writes: readonly MongoDbWrite[]): readonly Entry[] {
    this.#counter += 1
    this.#transaction += 1
    const id = `{"id": {"$binary": "AA==","$type": "04"}}:${this.#transaction}`
    const mark = (status: string, events: number | null): Entry => [
      { id },
      { status, id, event_count: events, data_collections: null, ts_ms: this.#seconds * 1_000 },
    ]
    return [
      mark('BEGIN', null),
      ...writes.flatMap((write) => this.#change(write, id)),
      mark('END', writes.length),
    ]
  }

  /** A collection that was dropped, as the pipeline of the documentation reports it. */
  dropped(collection = 'products'): readonly Entry[] {
    return this.changes({ op: 'd', collection, id: '', key: '["drop", null]' })
  }

  renamed(collection: string, to: string): readonly Entry[] {
    return this.changes({
      op: 'd',
      collection,
      id: '',
      key: `["rename", ${JSON.stringify(to)}]`,
    })
  }

  /** The notification that it has begun, its rows, and the notification that it is complete. */
  snapshot(...rows: readonly MongoDbWrite[]): readonly Entry[] {
    const notify = (type: string): Entry => {
      const id = `${type} ${this.nowMs}`
      return [
        { id },
        { id, type, aggregate_type: 'Initial Snapshot', additional_data: {}, timestamp: this.nowMs },
      ]
    }
    const read = rows.map((write, index) =>
      this.#entry(write, 'r', {
        ts_ms: this.nowMs,
        ord: -1,
        snapshot: index === rows.length - 1 ? 'last' : 'true',
      }),
    )
    return [notify('STARTED'), notify('IN_PROGRESS'), ...read, notify('COMPLETED')]
  }

  /** A row of an incremental snapshot, at the place of the latest change. */
  incremental(write: MongoDbWrite): Entry {
    this.#counter += 1
    return this.#entry(write, 'r', {
      ts_ms: this.#seconds * 1_000,
      ord: this.#counter,
      snapshot: 'incremental',
    })
  }

  #change(write: MongoDbWrite, id: string | null): readonly Entry[] {
    const source = {
      ts_ms: this.#seconds * 1_000,
      ord: this.#counter,
      snapshot: 'false',
      ...(id !== null && { lsid: id.slice(0, id.lastIndexOf(':')), txnNumber: this.#transaction }),
    }
    const entry = this.#entry(write, write.op ?? 'u', source, id === null ? null : { id, total_order: 1 })
    return write.op === 'd' ? [entry, [entry[0], undefined]] : [entry]
  }

  #entry(
    { id, key = JSON.stringify(id), members = '', collection = 'products' }: MongoDbWrite,
    op: string,
    source: Readonly<Record<string, unknown>>,
    transaction: unknown = null,
  ): Entry {
    const after = op === 'd' ? null : `{"_id": ${key}${members && `,${members}`}}`
    return [
      { id: key },
      {
        before: null,
        after,
        source: { connector: 'mongodb', name: 'app', db: 'shop', collection, ...source },
        op,
        transaction,
      },
    ]
  }
}
