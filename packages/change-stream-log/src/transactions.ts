import { ChangeStreamError } from '@freshet/change-stream'
import { AppliedIds } from './applied-ids.ts'
import type { DebeziumRecord } from './record.ts'

/** A record of a transaction. */
export type Event = Extract<DebeziumRecord, { readonly kind: 'row' | 'truncate' | 'message' }>

/** A transaction whose end has not come. */
export interface Open {
  readonly id: string
  /** The offset of its first record. */
  readonly from: number
  readonly events: Event[]
  bytes: number
}

/** Transactions that a crash of Debezium interrupted. Each is repeated after its restart. */
const MAX_INTERRUPTED = 16

/**
 * Whether it may be no transaction of rows at all: MariaDB gives a GTID to each statement that defines something, for which
 * Debezium 3.6 writes a BEGIN, and nothing else.
 */
function isDefinition({ id, events }: Open): boolean {
  return events.length === 0 && /^\d+-\d+-\d+$/.test(id)
}

/** Collects the records of each transaction, and remembers which transactions are complete. */
export class Transactions {
  readonly #maxOpenBytes: number
  readonly #applied = new AppliedIds()
  /** By id; the last one is open. */
  readonly #pending = new Map<string, Open>()
  #open: Open | undefined

  constructor(maxOpenBytes: number) {
    this.#maxOpenBytes = maxOpenBytes
  }

  get open(): Open | undefined {
    return this.#open === undefined || isDefinition(this.#open) ? undefined : this.#open
  }

  /** The ids of transactions that began and were interrupted by another one. */
  get interrupted(): readonly string[] {
    return this.pending.filter((one) => one !== this.#open && !isDefinition(one)).map(({ id }) => id)
  }

  /** Those that have begun and not ended, oldest first. */
  get pending(): readonly Open[] {
    return [...this.#pending.values()]
  }

  /** Whether `isApplied` does not know all that ended. */
  get forgot(): boolean {
    return this.#applied.forgot
  }

  isApplied(id: string): boolean {
    return this.#applied.has(id)
  }

  /** A transaction begins, or continues where a crash of Debezium interrupted it. */
  begin(id: string, offset: number): Open {
    if (this.#open !== undefined && isDefinition(this.#open)) this.#pending.delete(this.#open.id)
    const open = this.#pending.get(id) ?? { id, from: offset, events: [], bytes: 0 }
    this.#pending.set(id, open)
    this.#open = open
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MAX_INTERRUPTED && oldest !== undefined) this.#pending.delete(oldest)
    return open
  }

  /** @throws {ChangeStreamError} TOO_LARGE */
  add(id: string, event: Event, bytes: number, offset: number): void {
    const open = this.#open?.id === id ? this.#open : this.begin(id, offset)
    open.events.push(event)
    open.bytes += bytes
    if (open.bytes > this.#maxOpenBytes)
      throw new ChangeStreamError(
        'TOO_LARGE',
        `expected transactions of at most ${this.#maxOpenBytes} bytes, got more in ${id}`,
        { remedy: 'Split the transaction, or raise maxOpenBytes.' },
      )
  }

  /** The transaction is complete. `undefined`: none of its records came. */
  end(id: string): Open | undefined {
    const open = this.#pending.get(id)
    this.#pending.delete(id)
    this.#open = undefined
    this.#applied.add(id)
    return open
  }

  /** Nothing that is open will continue. */
  abandon(): void {
    this.#pending.clear()
    this.#open = undefined
  }

  /** Nothing that came before will continue or be repeated, and ids may be used again. */
  startAnew(): void {
    this.abandon()
    this.#applied.clear()
  }
}
