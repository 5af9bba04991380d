const anew =
  'Take a new snapshot into a new topic, as docs/debezium.md says: a connector that keeps its place takes none.'

/** What to change if a log does not begin with a snapshot. */
export const snapshotRemedies = {
  /** Nothing announces one. */
  missing: `${anew} For it, set notification.enabled.channels=sink and notification.sink.topic.name.`,
  /** Debezium notifies, but of none. */
  skipped: anew,
  /** What Debezium may not read is not in the log. */
  incomplete:
    'Look at the log of the connector first: a missing right, such as SELECT on a table, shows only there. Then take a new snapshot into a new topic.',
  unread:
    'Create the tables, use a snapshot.mode that reads them, such as initial, and take a new snapshot into a new topic.',
} as const

/**
 * The snapshots whose beginning and end Debezium notifies of. Each replaces everything: what was deleted since an earlier one left
 * no trace.
 */
export class Snapshots {
  #any = false
  #running = false
  #hasRead = false
  /** Collections that had rows before the snapshot that runs, and have none in it so far. */
  readonly #before = new Set<string>()

  /** Whether one has begun. */
  get any(): boolean {
    return this.#any
  }

  /** Whether the latest one has not ended. */
  get running(): boolean {
    return this.#running
  }

  /** Whether the latest one has read a table, which may be empty. */
  get hasRead(): boolean {
    return this.#hasRead
  }

  /** @param collections those that have rows. */
  begin(collections: readonly string[]): void {
    for (const collection of collections) this.#before.add(collection)
    this.#any = true
    this.#running = true
    this.#hasRead = false
  }

  /** A table is read. */
  read(): void {
    this.#hasRead = true
  }

  /** Whether a row of a collection is the first of it, whose earlier rows are gone. */
  isFirst(collection: string): boolean {
    return this.#before.delete(collection)
  }

  /** Returns a collection that had rows, and has none in the snapshot. */
  end(): string | undefined {
    this.#running = false
    const [collection] = this.#before
    this.#before.clear()
    return collection
  }
}
