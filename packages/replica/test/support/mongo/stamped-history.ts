import type { Position } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import type { ChangeStream, ChangeStreamDocument, Db, Document, Timestamp } from 'mongodb'
import { textOfId } from './foreign-ids.ts'
import { positionOfTimestamp } from './positions.ts'

/** From `at` on, the document had this stamp or was absent. */
interface Version {
  readonly at: Position
  readonly stamp: number | undefined
}

/**
 * The second oracle: the history from a separate, plain change stream. Every write has a unique stamp that identifies its
 * state, so no reads at earlier positions are needed.
 */
export class StampedHistory implements AsyncDisposable {
  readonly #versions = new Map<string, Version[]>()
  readonly #dropped = new Map<string, Position[]>()
  readonly #stream: ChangeStream
  readonly #running: Promise<void>
  #heard: Position | undefined

  /** Records everything after `from`, when the collections must be empty. */
  constructor(db: Db, from: Timestamp) {
    this.#stream = db.watch([], { startAtOperationTime: from, showExpandedEvents: true, maxAwaitTimeMS: 50 })
    this.#running = this.#run()
  }

  /** The stamp of the document at a position; `undefined` if it was absent. */
  at(key: string, position: Position): number | undefined {
    const found = this.#versions.get(key)?.findLast((version) => version.at <= position)
    const collection = key.slice(0, key.indexOf('/'))
    const gone = this.#dropped.get(collection)?.findLast((at) => at <= position)
    return found === undefined || (gone !== undefined && gone >= found.at) ? undefined : found.stamp
  }

  /** Resolves when an event after `position` has been received. Requires ongoing writes. */
  async hasHeard(position: Position): Promise<void> {
    await eventually(() => {
      if (this.#heard === undefined || this.#heard <= position)
        throw new Error(`heard up to ${this.#heard}, and not of anything after ${position}`)
    })
  }

  async #run(): Promise<void> {
    try {
      for await (const change of this.#stream) this.#hear(change)
    } catch (error) {
      if (!this.#stream.closed) throw error
    }
  }

  #hear(change: ChangeStreamDocument): void {
    if (change.clusterTime === undefined) throw new Error(`${change.operationType} without a time`)
    const at = positionOfTimestamp(change.clusterTime)
    this.#heard = at
    switch (change.operationType) {
      case 'insert':
      case 'replace':
        return this.#note(change.ns.coll, change.documentKey._id, at, stampIn(change.fullDocument))
      case 'update':
        return this.#note(
          change.ns.coll,
          change.documentKey._id,
          at,
          stampIn(change.updateDescription.updatedFields),
        )
      case 'delete':
        return this.#note(change.ns.coll, change.documentKey._id, at, undefined)
      case 'drop':
      case 'rename': {
        const times = this.#dropped.get(change.ns.coll) ?? []
        times.push(at)
        this.#dropped.set(change.ns.coll, times)
        return
      }
      default:
        return
    }
  }

  #note(collection: string, id: unknown, at: Position, stamp: number | undefined): void {
    const key = `${collection}/${textOfId(id)}`
    const versions = this.#versions.get(key)
    if (versions) versions.push({ at, stamp })
    else this.#versions.set(key, [{ at, stamp }])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream.close()
    await this.#running
  }
}

function stampIn(document: Document | undefined): number {
  const stamp: unknown = document?.['stamp']
  if (typeof stamp !== 'number') throw new Error(`expected a stamp, got ${JSON.stringify(document)}`)
  return stamp
}
