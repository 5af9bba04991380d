import {
  conversationId,
  cursorId,
  membershipId,
  membersOf,
  revocationId,
  type Interval,
  type Recipients,
} from '@freshet/messages'
import { controlCollection, messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import type { TestDatabase } from '@freshet/testkit'
import type { Collection, Document } from 'mongodb'
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'

/** What a test wants to be different from a plain message. */
export interface SentFields {
  readonly from: string
  readonly to: Recipients
  /** JSON text. */
  readonly body?: string
  readonly type?: 'message' | 'edited' | 'deleted'
  readonly ref?: string
}

interface Stored extends Document {
  readonly _id: string
}

/** Stores messages in the same form as the writer, as another user. */
export class StoredMessages {
  readonly #db: TestDatabase
  readonly #seqs = new Map<string, number>()

  constructor(db: TestDatabase) {
    this.#db = db
  }

  collection(name: keyof typeof messageCollections): Collection<Stored> {
    const { admin, database } = this.#db
    return admin.db(messagesDatabase(database)).collection<Stored>(messageCollections[name])
  }

  /** The document of the next message of a conversation. */
  next({ from, to, body = '{"text":"hello"}', type = 'message', ref }: SentFields): Stored {
    const conv = conversationId('group' in to ? to : membersOf(from, to))
    const seq = (this.#seqs.get(conv) ?? 0) + 1
    this.#seqs.set(conv, seq)
    return {
      _id: randomUUID(),
      conv,
      seq,
      from,
      to,
      ...(type !== 'deleted' && { body }),
      at: new Date(),
      clientId: `client-${randomUUID()}`,
      type,
      ...(ref !== undefined && { ref }),
    }
  }

  /** Resolves with the id. */
  async send(fields: SentFields): Promise<string> {
    const message = this.next(fields)
    await this.collection('messages').insertOne(message)
    return message._id
  }

  /** At once, far faster than through the writer. */
  async sendMany(count: number, fields: SentFields): Promise<void> {
    await this.collection('messages').insertMany(Array.from({ length: count }, () => this.next(fields)))
  }

  /** An edit or, without a body, a deletion: in one transaction with the original. */
  async change(ref: string, fields: SentFields): Promise<string> {
    const message = this.next({ ...fields, ref })
    await this.#db.admin.withSession((session) =>
      session.withTransaction(async () => {
        await this.collection('messages').updateOne({ _id: ref }, { $unset: { body: true } }, { session })
        await this.collection('messages').insertOne(message, { session })
      }),
    )
    return message._id
  }

  /** What idle writers do, until disposed. */
  beat(everyMs = 100): AsyncDisposable {
    const { admin, database } = this.#db
    const control = admin.db(messagesDatabase(database)).collection<{ _id: string }>(controlCollection)
    const stopped = new AbortController()
    const beats = (async () => {
      while (!stopped.signal.aborted) {
        await control.updateOne({ _id: 'heartbeat' }, { $inc: { beats: 1 } }, { writeConcern: { w: 1 } })
        await setTimeout(everyMs)
      }
    })()
    return {
      [Symbol.asyncDispose]: async () => {
        stopped.abort()
        await beats
      },
    }
  }

  /** Messages of one transaction, each with a body of this many bytes. */
  async sendTogether(count: number, bodyBytes: number, fields: SentFields): Promise<void> {
    const body = JSON.stringify('x'.repeat(bodyBytes - 2))
    await this.#db.admin.withSession((session) =>
      session.withTransaction(async () => {
        const messages = Array.from({ length: count }, () => this.next({ ...fields, body }))
        await this.collection('messages').insertMany(messages, { session })
      }),
    )
  }

  async member(user: string, group: string, intervals?: readonly Interval[]): Promise<void> {
    const seq = this.#seqs.get(group) ?? 0
    const membership = { group, user, intervals: intervals ?? [{ from: seq + 1 }] }
    await this.#put('memberships', membershipId(group, user), membership)
  }

  async cursor(user: string, conv: string, read: number): Promise<void> {
    await this.#put('cursors', cursorId(conv, user), { conv, user, delivered: read, read })
  }

  async revoke(sub: string, notBefore: number): Promise<void> {
    await this.#put('revocations', revocationId(sub), { sub, notBefore })
  }

  async #put(name: keyof typeof messageCollections, _id: string, fields: Document): Promise<void> {
    await this.collection(name).replaceOne({ _id }, fields, { upsert: true })
  }
}
