import type { ChangeStreamError } from '@freshet/change-stream'
import type { Id } from '@freshet/protocol'
import { isBefore } from './order.ts'

/** Repetitions reach back to the last place that Debezium stored: seconds, and not this many deletions. */
const MAX_DELETED = 100_000

/** The place of the latest change of each row, so that a repeated change never brings back an earlier state. */
export class KnownRows {
  readonly #rows = new Map<string, Map<Id, string>>()
  /** Of deleted rows, oldest first. */
  readonly #deleted = new Map<string, string>()
  /** What is not known of the present state, by row or transaction. */
  readonly #faults = new Map<string, ChangeStreamError>()

  /** The first thing that is not known. */
  get fault(): ChangeStreamError | undefined {
    return this.#faults.values().next().value
  }

  /** The present state lacks something. */
  lacks(key: string, fault: ChangeStreamError): void {
    this.#faults.set(key, fault)
  }

  /** The collections that have rows. */
  collections(): readonly string[] {
    return [...this.#rows].flatMap(([name, rows]) => (rows.size > 0 ? [name] : []))
  }

  /** Whether a change is before the latest one of its row. */
  isOld(collection: string, id: Id, order: string | undefined): boolean {
    const latest = this.latest(collection, id)
    return order !== undefined && latest !== undefined && isBefore(order, latest)
  }

  /** The place of the latest change of a row; `undefined`: nothing is known of it. */
  latest(collection: string, id: Id): string | undefined {
    return this.#rows.get(collection)?.get(id) ?? this.#deleted.get(`${collection}/${id}`)
  }

  upsert(collection: string, id: Id, order: string | undefined): void {
    const rows = this.#rows.get(collection) ?? new Map<Id, string>()
    this.#rows.set(collection, rows)
    rows.set(id, order ?? '')
    const key = `${collection}/${id}`
    this.#deleted.delete(key)
    this.#faults.delete(key)
  }

  delete(collection: string, id: Id, order: string | undefined): void {
    const key = `${collection}/${id}`
    this.#rows.get(collection)?.delete(id)
    this.#faults.delete(key)
    if (order === undefined) return
    this.#deleted.delete(key)
    this.#deleted.set(key, order)
    if (this.#deleted.size <= MAX_DELETED) return
    const [oldest] = this.#deleted.keys()
    if (oldest !== undefined) this.#deleted.delete(oldest)
  }

  /** All rows of a collection are deleted. */
  empty(collection: string): void {
    this.#rows.delete(collection)
    const isOf = (key: string): boolean => key.startsWith(`${collection}/`)
    for (const map of [this.#deleted, this.#faults])
      for (const key of map.keys()) if (isOf(key)) map.delete(key)
  }

  /** A snapshot shows what transactions before it have changed. */
  forgetTransactions(): void {
    for (const key of this.#faults.keys()) if (!key.includes('/')) this.#faults.delete(key)
  }
}
