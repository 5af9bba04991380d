import { SnapshotQueries, type SnapshotQueriesParts } from '@freshet/change-stream-mongodb'
import type { Log } from '@freshet/kit'
import { cursorId, membershipId, type Interval } from '@freshet/messages'
import { messageCollections as collections } from '@freshet/mongodb-rules'
import type { Conversation, Excerpt, ListOf, MessageReads, ReadAt, Seen, StoredMessage } from '../contract.ts'
import { conversationIn, fieldsOf, intervalsIn, isCount, isText, messageIn } from './message-documents.ts'

export interface MongoMessageReadsParts extends SnapshotQueriesParts {
  readonly log: Log
}

/** A list of documents in the order of one field. */
interface List {
  readonly collection: string
  readonly filter: Readonly<Record<string, unknown>>
  readonly key: string
  readonly order: 1 | -1
  readonly limit: number
  readonly maxBytes: number
}

/** Reads of messages in a database of their own. */
export class MongoMessageReads implements MessageReads {
  readonly #queries: SnapshotQueries
  readonly #log: Log

  constructor(parts: MongoMessageReadsParts) {
    this.#queries = new SnapshotQueries(parts)
    this.#log = parts.log
  }

  async conversation(conv: string, read: ReadAt): Promise<Conversation | undefined> {
    return (await this.#conversations({ _id: conv }, 1, read))[0]
  }

  async groups(convs: readonly string[], read: ReadAt): Promise<readonly Conversation[]> {
    return await this.#conversations({ _id: { $in: convs }, group: true }, convs.length, read)
  }

  async intervals(group: string, user: string, read: ReadAt): Promise<readonly Interval[]> {
    const [found] = await this.#find(collections.memberships, { _id: membershipId(group, user) }, 1, read)
    return intervalsIn(found)
  }

  async messages(
    conv: string,
    seqs: readonly number[],
    maxBytes: number,
    read: ReadAt,
  ): Promise<Excerpt<StoredMessage, number>> {
    const [first = 0, last = first] = [seqs[0], seqs.at(-1)]
    const list = {
      collection: collections.messages,
      filter: { conv, seq: { $in: seqs } },
      key: 'seq',
      order: first <= last ? 1 : -1,
      limit: seqs.length + 1,
      maxBytes,
    } as const
    return await this.#list(list, messageIn, isCount, read)
  }

  async seqs(ids: readonly string[], read: ReadAt): Promise<ReadonlyMap<string, number>> {
    const found = await this.#find(collections.messages, { _id: { $in: ids } }, ids.length, read, { seq: 1 })
    return numbersIn(found, '_id', 'seq')
  }

  async memberships(
    { user, after, limit }: ListOf,
    maxBytes: number,
    read: ReadAt,
  ): Promise<Excerpt<Seen, string>> {
    const list = {
      collection: collections.memberships,
      filter: { user, group: { $gt: after }, 'intervals.0': { $exists: true } },
      key: 'group',
      order: 1,
      limit,
      maxBytes,
    } as const
    const seenIn = (document: unknown): Seen | undefined => {
      const { group } = fieldsOf(document)
      const intervals = intervalsIn(document)
      return isText(group) && intervals.length > 0 ? { conv: group, intervals } : undefined
    }
    return await this.#list(list, seenIn, isText, read)
  }

  async directs(
    { user, after, limit }: ListOf,
    maxBytes: number,
    read: ReadAt,
  ): Promise<Excerpt<Conversation, string>> {
    const list = {
      collection: collections.conversations,
      filter: { members: user, _id: { $gt: after } },
      key: '_id',
      order: 1,
      limit,
      maxBytes,
    } as const
    return await this.#list(list, conversationIn, isText, read)
  }

  async readSeqs(user: string, convs: readonly string[], read: ReadAt): Promise<ReadonlyMap<string, number>> {
    const ids = convs.map((conv) => cursorId(conv, user))
    return numbersIn(
      await this.#find(collections.cursors, { _id: { $in: ids } }, ids.length, read),
      'conv',
      'read',
    )
  }

  async #conversations(filter: object, limit: number, read: ReadAt): Promise<readonly Conversation[]> {
    const found = await this.#find(collections.conversations, filter, limit, read)
    return found.map(conversationIn).filter((one) => one !== undefined)
  }

  async #find(
    collection: string,
    filter: object,
    limit: number,
    read: ReadAt,
    projection: object = {},
  ): Promise<readonly unknown[]> {
    if (limit === 0) return []
    return await this.#queries.run(
      { find: collection, filter, projection, limit, batchSize: limit, singleBatch: true },
      read,
    )
  }

  /** The first documents of a list. The server leaves out those that exceed `maxBytes` together, but not their keys. */
  async #list<T, K extends string | number>(
    { collection, filter, key, order, limit, maxBytes }: List,
    decode: (document: unknown) => T | undefined,
    isKey: (value: unknown) => value is K,
    read: ReadAt,
  ): Promise<Excerpt<T, K>> {
    const sort = { [key]: order }
    const sizes = { $sum: { $bsonSize: '$$ROOT' }, window: { documents: ['unbounded', 'current'] } }
    const rows = await this.#queries.run(
      {
        aggregate: collection,
        pipeline: [
          { $match: filter },
          { $sort: sort },
          { $limit: limit },
          { $setWindowFields: { sortBy: sort, output: { bytes: sizes } } },
          {
            $project: {
              _id: 0,
              key: `$${key}`,
              document: { $cond: [{ $lte: ['$bytes', maxBytes] }, '$$ROOT', '$$REMOVE'] },
            },
          },
        ],
        cursor: { batchSize: limit + 1 },
      },
      read,
    )
    const items: T[] = []
    let reached: K | undefined
    for (const row of rows) {
      const { key: at, document } = fieldsOf(row)
      // One that is too large for any answer must not end the list.
      if (document === undefined && reached !== undefined) return { items, reached, complete: false }
      const item = document === undefined ? undefined : decode(document)
      if (item === undefined) this.#log.warn({ collection, key: at }, 'a malformed document is not shown')
      else items.push(item)
      if (isKey(at)) reached = at
    }
    return { items, reached, complete: rows.length < limit }
  }
}

function numbersIn(documents: readonly unknown[], key: string, value: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  for (const document of documents) {
    const { [key]: name, [value]: number } = fieldsOf(document)
    if (isText(name) && isCount(number)) numbers.set(name, number)
  }
  return numbers
}
