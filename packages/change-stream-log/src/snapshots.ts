import type { RecordOrigin } from './record.ts'

/** Which rows belong to one snapshot. It replaces everything: what was deleted since an earlier one left no trace. */
export class Snapshots {
  /** The place of the latest one in the database's log, which all of its rows have. */
  #place: string | undefined
  #any = false
  #running = false
  #announced = false
  /** Collections that had rows before the snapshot that runs, and have none in it so far. */
  readonly #before = new Set<string>()

  /** Whether one has begun. */
  get any(): boolean {
    return this.#any
  }

  get running(): boolean {
    return this.#running
  }

  /** Whether Debezium has notified of the beginning of the one that runs, and not of its end. */
  get announced(): boolean {
    return this.#announced
  }

  /** Whether a row is the first of a snapshot. Never if its beginning is announced. */
  isFirst({ snapshot, order, server }: RecordOrigin): boolean {
    if (this.#announced) return false
    if (order === undefined) return !this.#running
    return placeOf(server, order.change) !== this.#place || (snapshot === 'first' && this.#running)
  }

  /** @param collections those that have rows. */
  begin(collections: readonly string[], announced: boolean): void {
    for (const collection of collections) this.#before.add(collection)
    this.#any = true
    this.#running = true
    this.#announced = announced
  }

  /** A row of the snapshot was read. Returns whether it is the first of its collection, whose earlier rows are gone. */
  read({ server, order }: RecordOrigin, collection: string | undefined): boolean {
    this.#place = order && placeOf(server, order.change)
    this.#running = true
    return collection !== undefined && this.#before.delete(collection)
  }

  /** Returns a collection that had rows, and has none in the snapshot. */
  end(): string | undefined {
    this.#running = false
    this.#announced = false
    const [collection] = this.#before
    this.#before.clear()
    return collection
  }
}

function placeOf(server: string, change: string): string {
  return `${server} ${change}`
}
