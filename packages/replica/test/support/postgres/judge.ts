import { ABSENT, type Absent } from '@freshet/cache'
import { POSITION_NEVER, POSITION_ZERO, type Position } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import type { DecodedHistory } from './decoded-history.ts'
import { positionOfText } from './tables.ts'

/** The ends of the log before a transaction was committed and after its commit was acknowledged. */
interface Bounds {
  readonly before: Position
  readonly after: Position
}

/** What identifies a version of a document. */
interface Digest {
  readonly id: string
  readonly stamp: number
  readonly pair: string | undefined
  readonly text: string | undefined
}

/** One answer of a replica: documents of a collection at one position. */
export interface Claim {
  readonly collection: string
  readonly at: Position
  readonly values: readonly (readonly [id: string, value: Digest | undefined])[]
}

const digests = new WeakMap<Buffer, Digest>()

/** What a value claims. Values are shared by many answers. */
export function digestOf(value: Buffer | Absent): Digest | undefined {
  if (value === ABSENT) return undefined
  const known = digests.get(value)
  if (known) return known
  const { id, stamp, pair, text } = JSON.parse(value.toString())
  const digest: Digest = {
    id: String(id),
    stamp: Number(stamp),
    pair: pair === null ? undefined : String(pair),
    text: text === null ? undefined : createHash('md5').update(String(text)).digest('hex'),
  }
  digests.set(value, digest)
  return digest
}

/** A version in the database's own record, with the bounds of its commit. */
interface Recorded extends Bounds {
  readonly digest: Digest | undefined
  readonly xid: string
}

const unknown: Bounds = { before: POSITION_ZERO, after: POSITION_NEVER }

/** Checks answers against two independent oracles. */
export class Judge {
  readonly wrong: string[] = []
  readonly #history: DecodedHistory | undefined
  #decoded = 0
  #recorded = 0

  /** @param history none if only the second oracle is asked. */
  constructor(history?: DecodedHistory) {
    this.#history = history
  }

  /** Answers compared with the history that another library decoded. */
  get decoded(): number {
    return this.#decoded
  }

  /** Answers compared with the database's own record. */
  get recorded(): number {
    return this.#recorded
  }

  /** First oracle: which version was current at the position. */
  compareDecoded(claims: readonly Claim[]): void {
    for (const { collection, at, values } of claims) {
      for (const [id, value] of values) {
        const truth = this.#history?.at(collection, id, at)
        if (value?.stamp !== truth)
          this.wrong.push(`stamp of ${collection}/${id} at ${at}: got ${value?.stamp}, was ${truth}`)
      }
      this.#decoded += 1
    }
  }

  /**
   * Second oracle: the contents that triggers recorded, and the ends of the log that the writers saw around their commits. It
   * uses nothing that was decoded.
   */
  async compareRecorded(db: Pick<Client, 'query'>, claims: readonly Claim[]): Promise<void> {
    const versions = await readRecord(db)
    for (const { collection, at, values } of claims) {
      for (const [id, value] of values) {
        const list = versions.get(`${collection}/${id}`) ?? []
        if (!possible(list, value, at))
          this.wrong.push(`content of ${collection}/${id} at ${at}: ${JSON.stringify(value)} was not current`)
      }
      this.#recorded += 1
    }
  }
}

/** Whether this version had been committed at the position, and the next one may not have been. */
function possible(list: readonly Recorded[], value: Digest | undefined, at: Position): boolean {
  const all: readonly Recorded[] = [{ ...unknown, digest: undefined, xid: '' }, ...list]
  return all.some(
    ({ digest, before }, n) =>
      before <= at && same(digest, value) && (all[n + 1]?.after ?? POSITION_NEVER) > at,
  )
}

function same(one: Digest | undefined, other: Digest | undefined): boolean {
  return (
    one?.id === other?.id &&
    one?.stamp === other?.stamp &&
    one?.pair === other?.pair &&
    one?.text === other?.text
  )
}

async function readRecord(db: Pick<Client, 'query'>): Promise<ReadonlyMap<string, readonly Recorded[]>> {
  const { rows } = await db.query({
    text: `select name, id, stamp, pair, digest, xid, before, after
      from recorded left join (select xid, max(before) as before, max(after) as after from bounds group by xid) b using (xid)
      order by n`,
    rowMode: 'array',
  })
  const versions = new Map<string, Recorded[]>()
  for (const [name, id, stamp, pair, text, xid, before, after] of rows) {
    const key = `${String(name)}/`
    const keys =
      id === null ? [...versions.keys()].filter((one) => one.startsWith(key)) : [`${key}${String(id)}`]
    const digest =
      stamp === null
        ? undefined
        : { id: String(id), stamp: Number(stamp), pair: pair ?? undefined, text: text ?? undefined }
    for (const one of keys) {
      const list = versions.get(one) ?? []
      versions.set(one, list)
      // Only the last version of a transaction is ever current.
      if (list.at(-1)?.xid === xid) list.pop()
      list.push({
        before: before === null ? unknown.before : positionOfText(before),
        after: after === null ? unknown.after : positionOfText(after),
        digest,
        xid,
      })
    }
  }
  return versions
}
