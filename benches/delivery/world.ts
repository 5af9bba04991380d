import { conversationId, membershipId } from '@freshet/messages'
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import type { TestDatabase } from '@freshet/testkit'
import type { Collection, Document } from 'mongodb'
import { randomUUID } from 'node:crypto'

export const database = 'shop'
/** The plain server and the Go engine follow a collection of their own, so that nobody pays for the messages of another. */
export const plainCollection = 'plain_messages'

/** The name of a user, by number. */
export function userName(index: number): string {
  return `user-${String(index).padStart(5, '0')}`
}

interface Stored extends Document {
  readonly _id: string
}

/** Recipients: the members of a group, or one user. */
export type To = { readonly group: string } | { readonly users: readonly string[] }

/** Stores messages in the same form as the writer, without its checks and transactions. */
export class Messages {
  readonly #db: TestDatabase
  readonly #collection: Collection<Stored>
  readonly #seqs = new Map<string, number>()

  constructor(db: TestDatabase, collection: string = messageCollections.messages) {
    this.#db = db
    this.#collection = db.admin
      .db(messagesDatabase(database))
      .collection<Stored>(collection, { writeConcern: { w: 'majority', journal: true } })
  }

  /** Stores messages with these numbers in their bodies, in order. Resolves when they are acknowledged. */
  async send(from: string, to: To, numbers: readonly number[]): Promise<void> {
    await this.#collection.insertMany(numbers.map((n) => this.#next(from, to, n)))
  }

  /** Makes users members of a group from its start. */
  async addMembers(group: string, users: readonly string[]): Promise<void> {
    const memberships = this.#db.admin
      .db(messagesDatabase(database))
      .collection<Stored>(messageCollections.memberships)
    const documents = users.map((user) => ({
      _id: membershipId(group, user),
      group,
      user,
      intervals: [{ from: 1 }],
    }))
    await memberships.insertMany(documents)
  }

  #next(from: string, to: To, n: number): Stored {
    const conv = conversationId('group' in to ? to : [from, ...to.users])
    const seq = (this.#seqs.get(conv) ?? 0) + 1
    this.#seqs.set(conv, seq)
    return {
      _id: randomUUID(),
      conv,
      seq,
      from,
      to,
      body: JSON.stringify({ n, text: 'Shall we meet at the fountain at noon, or is one better for you?' }),
      at: new Date(),
      clientId: randomUUID(),
      type: 'message',
    }
  }
}
