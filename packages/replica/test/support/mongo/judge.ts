import { ABSENT, type Absent } from '@freshet/cache'
import type { Position } from '@freshet/protocol'
import { deserialize } from 'bson'
import { MongoServerError, type Db, type Document } from 'mongodb'
import type { StampedHistory } from './stamped-history.ts'
import { timestampOf } from './positions.ts'

/** One value of one answer. */
export interface Claim {
  readonly collection: string
  readonly id: string
  readonly at: Position
  readonly value: Buffer | Absent
}

/** Judges answers by two oracles that know nothing of each other. */
export class Judge {
  readonly #db: Db
  readonly #history: StampedHistory
  readonly wrong: string[] = []
  #reread = 0
  #stamped = 0

  constructor(db: Db, history: StampedHistory) {
    this.#db = db
    this.#history = history
  }

  /** Values that were read again at their position and compared byte for byte. */
  get reread(): number {
    return this.#reread
  }

  /** Values whose stamp was compared with the history. */
  get stamped(): number {
    return this.#stamped
  }

  /** First oracle: reads all at their positions again, each position and collection once. */
  async readAgain(claims: readonly Claim[]): Promise<void> {
    const groups = new Map<string, Claim[]>()
    for (const claim of claims) {
      const name = `${claim.at} ${claim.collection}`
      const group = groups.get(name)
      if (group) group.push(claim)
      else groups.set(name, [claim])
    }
    for (const group of groups.values()) await this.#readGroup(group)
  }

  /** Second oracle. */
  compareStamps(claims: readonly Claim[]): void {
    for (const { collection, id, at, value } of claims) {
      const stamp: unknown = value === ABSENT ? undefined : deserialize(value)['stamp']
      const truth = this.#history.at(`${collection}/${id}`, at)
      this.#stamped += 1
      if (stamp !== truth)
        this.wrong.push(`stamp of ${collection}/${id} at ${at}: ${String(stamp)}, was ${String(truth)}`)
    }
  }

  async #readAt({ collection, at }: Claim, ids: readonly string[]): Promise<Document | undefined> {
    const readConcern = { level: 'snapshot', atClusterTime: timestampOf(at) }
    const command = {
      find: collection,
      filter: { _id: { $in: ids } },
      batchSize: ids.length + 1,
      readConcern,
    }
    try {
      return await this.#db.command(command, { fieldsAsRaw: { firstBatch: true } })
    } catch (error) {
      if (error instanceof MongoServerError && error.code === SNAPSHOT_UNAVAILABLE) return undefined
      throw error
    }
  }

  async #readGroup(group: readonly Claim[]): Promise<void> {
    const [first] = group
    if (first === undefined) return
    const ids = [...new Set(group.map((claim) => claim.id))]
    const reply = await this.#readAt(first, ids)
    // A collection that was dropped since cannot be read at an older position: that is no proof against anybody.
    if (reply?.['cursor'].atClusterTime === undefined) return
    const documents = new Map<unknown, Buffer>()
    for (const bytes of reply['cursor'].firstBatch) documents.set(deserialize(bytes)['_id'], bytes)
    for (const { collection, id, at, value } of group) {
      const truth = documents.get(id)
      this.#reread += 1
      const same = value === ABSENT ? truth === undefined : truth !== undefined && value.equals(truth)
      if (!same)
        this.wrong.push(`bytes of ${collection}/${id} at ${at}: ${describe(value)}, were ${describe(truth)}`)
    }
  }
}

const SNAPSHOT_UNAVAILABLE = 246

function describe(value: Buffer | Absent | undefined): string {
  return value === ABSENT || value === undefined ? 'absent' : JSON.stringify(deserialize(value)).slice(0, 120)
}
