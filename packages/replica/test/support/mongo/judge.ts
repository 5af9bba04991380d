import { ABSENT, type Absent } from '@freshet/cache'
import type { Position } from '@freshet/protocol'
import { deserialize } from 'bson'
import { MongoServerError, type Db, type Document } from 'mongodb'
import { textOfId } from './foreign-ids.ts'
import type { StampedHistory } from './stamped-history.ts'
import { timestampOf } from './positions.ts'
import { idTypes } from '../stress-documents.ts'

/** One answer of a replica: documents of a collection at one position. */
export interface Claim {
  readonly collection: string
  readonly at: Position
  readonly values: readonly (readonly [id: string, value: Buffer | Absent])[]
}

/** Checks answers against two independent oracles. */
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

  /** Answers compared byte for byte with reads at their position. */
  get reread(): number {
    return this.#reread
  }

  /** Answers whose stamps were compared with the history. */
  get stamped(): number {
    return this.#stamped
  }

  /** First oracle: reads every position and collection again, once each. */
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
    for (const { collection, at, values } of claims) {
      for (const [id, value] of values) {
        const stamp: unknown = value === ABSENT ? undefined : deserialize(value)['stamp']
        const truth = this.#history.at(`${collection}/${id}`, at)
        if (stamp !== truth)
          this.wrong.push(`stamp of ${collection}/${id} at ${at}: ${String(stamp)}, was ${String(truth)}`)
      }
      this.#stamped += 1
    }
  }

  async #readAt({ collection, at }: Claim, ids: readonly string[]): Promise<Document | undefined> {
    const readConcern = { level: 'snapshot', atClusterTime: timestampOf(at) }
    const command = {
      find: collection,
      filter: { _id: { $in: idTypes.get(collection) === 'integer' ? ids.map(Number) : ids } },
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
    const ids = [...new Set(group.flatMap(({ values }) => values.map(([id]) => id)))]
    const reply = await this.#readAt(first, ids)
    // A collection dropped since then cannot be read at an earlier position, which proves nothing.
    if (reply?.['cursor'].atClusterTime === undefined) return
    const documents = new Map<string, Buffer>()
    for (const bytes of reply['cursor'].firstBatch) documents.set(textOfId(deserialize(bytes)['_id']), bytes)
    for (const { collection, at, values } of group) {
      for (const [id, value] of values) {
        const truth = documents.get(id)
        const same = value === ABSENT ? truth === undefined : truth !== undefined && value.equals(truth)
        if (!same)
          this.wrong.push(
            `bytes of ${collection}/${id} at ${at}: ${describe(value)}, were ${describe(truth)}`,
          )
      }
      this.#reread += 1
    }
  }
}

const SNAPSHOT_UNAVAILABLE = 246

function describe(value: Buffer | Absent | undefined): string {
  return value === ABSENT || value === undefined ? 'absent' : JSON.stringify(deserialize(value)).slice(0, 120)
}
