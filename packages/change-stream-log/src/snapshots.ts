import type { RecordOrigin } from './record.ts'

/** Which rows belong to one snapshot. It replaces everything: what was deleted since an earlier one left no trace. */
export class Snapshots {
  /** The place of the latest one in the database's log, which all of its rows have. */
  #place: string | undefined
  #running = false
  /** Collections that had rows before the snapshot that runs, and have none in it so far. */
  readonly #before = new Set<string>()

  get running(): boolean {
    return this.#running
  }

  /**
   * Whether a row is the first of a snapshot.
   * @param collection `undefined`: not followed.
   * @param known whether the collection has the row.
   */
  isFirst(
    { snapshot, order, server }: RecordOrigin,
    collection: string | undefined,
    known: boolean,
  ): boolean {
    if (!this.#running && order === undefined) return true
    // MongoDB's rows have no place. Debezium was interrupted if it reads one again.
    if (order === undefined) return collection !== undefined && known && !this.#before.has(collection)
    return placeOf(server, order.change) !== this.#place || (snapshot === 'first' && this.#running)
  }

  /** @param collections those that have rows. */
  begin({ server, order }: RecordOrigin, collections: readonly string[]): void {
    this.#place = order && placeOf(server, order.change)
    for (const collection of collections) this.#before.add(collection)
  }

  /** A row of the snapshot was read. Returns whether it is the first of its collection, whose earlier rows are gone. */
  read(collection: string | undefined): boolean {
    this.#running = true
    return collection !== undefined && this.#before.delete(collection)
  }

  /** Returns a collection that had rows, and has none in the snapshot. */
  end(): string | undefined {
    this.#running = false
    const [collection] = this.#before
    this.#before.clear()
    return collection
  }
}

function placeOf(server: string, change: string): string {
  return `${server} ${change}`
}
