import {
  conversationId,
  cursorId,
  joined,
  left,
  membershipId,
  membersOf,
  type Interval,
  type Recipients,
} from '@freshet/messages'
import { messageCollections, messagesDatabase } from '@freshet/mongodb-rules'
import { positionOf, type Position } from '@freshet/protocol'
import type { TestDatabase } from '@freshet/testkit'
import { randomUUID } from 'node:crypto'

type Session = ReturnType<TestDatabase['admin']['startSession']>

interface Stored {
  readonly _id: string
  readonly conv?: string
  readonly seq?: number
  readonly from?: string
  readonly to?: Recipients
  readonly at?: Date
  readonly type?: string
  readonly clientId?: string
  readonly lastSeq?: number
  readonly version?: number
  readonly group?: true | string
  readonly members?: readonly string[]
  readonly body?: string
  readonly last?: string
  readonly user?: string
  readonly intervals?: readonly Interval[]
}

/** A message as a test remembers it: with those who were members when it was sent. */
export interface Sent {
  readonly id: string
  readonly conv: string
  readonly seq: number
  readonly from: string
  readonly to: Recipients
  readonly type: 'message' | 'edited' | 'deleted'
  readonly ref?: string
  readonly body: string | undefined
  readonly audience: readonly string[]
}

/** A transaction of the test, and the position that includes it. */
export interface Committed {
  readonly at: Position
  readonly does: 'send' | 'change' | 'member' | 'ack'
  readonly sent?: Sent
  readonly conv: string
  readonly user?: string
  readonly joins?: boolean
  readonly read?: number
}

/** Writes messages as the writer does, one transaction after the other, and remembers what it did. */
export class Talk {
  readonly committed: Committed[] = []
  readonly #db: TestDatabase
  readonly #lastSeqs = new Map<string, number>()
  readonly #members = new Map<string, Set<string>>()
  readonly #intervals = new Map<string, readonly Interval[]>()
  readonly #lastOf = new Map<string, string>()

  constructor(db: TestDatabase) {
    this.#db = db
  }

  collection(name: keyof typeof messageCollections) {
    return this.#db.admin.db(messagesDatabase(this.#db.database)).collection<Stored>(messageCollections[name])
  }

  lastSeq(conv: string): number {
    return this.#lastSeqs.get(conv) ?? 0
  }

  members(group: string): ReadonlySet<string> {
    return this.#members.get(group) ?? new Set()
  }

  async createGroup(group: string, ...users: readonly string[]): Promise<void> {
    await this.collection('conversations').insertOne({ _id: group, lastSeq: 0, version: 1, group: true })
    for (const user of users) await this.member(group, user, true)
  }

  async member(group: string, user: string, joins: boolean): Promise<void> {
    const key = `${group} ${user}`
    const intervals = (joins ? joined : left)(this.#intervals.get(key) ?? [], this.lastSeq(group))
    this.#intervals.set(key, intervals)
    const members = new Set(this.members(group))
    if (joins) members.add(user)
    else members.delete(user)
    this.#members.set(group, members)
    const at = await this.#transact(async (session) => {
      await this.collection('conversations').updateOne({ _id: group }, { $inc: { version: 1 } }, { session })
      const fields = { group, user, intervals }
      await this.#put('memberships', membershipId(group, user), fields, session)
    })
    this.committed.push({ at, does: 'member', conv: group, user, joins })
  }

  /** Resolves with what was stored. @param body JSON text. */
  async send(from: string, to: Recipients, body = '{"text":"hello"}'): Promise<Sent> {
    const sent = this.#next({ from, to, body, type: 'message' })
    const at = await this.#transact((session) => this.#insert(sent, session))
    this.committed.push({ at, does: 'send', conv: sent.conv, sent })
    return sent
  }

  /** An edit or, without a body, a deletion. */
  async change({ id, from, to }: Sent, body: string | undefined): Promise<Sent> {
    const type = body === undefined ? 'deleted' : 'edited'
    const sent = this.#next({ from, to, body, type, ref: id })
    const before = this.#lastOf.get(id)
    this.#lastOf.set(id, sent.id)
    const at = await this.#transact(async (session) => {
      await this.#insert(sent, session)
      const messages = this.collection('messages')
      const set = { last: sent.id, ...(body !== undefined && { body }) }
      await messages.updateOne(
        { _id: id },
        { $set: set, ...(body === undefined && { $unset: { body: true } }) },
        { session },
      )
      if (before !== undefined)
        await messages.updateOne({ _id: before }, { $unset: { body: true } }, { session })
    })
    this.committed.push({ at, does: 'change', conv: sent.conv, sent })
    return sent
  }

  async ack(conv: string, user: string, read: number): Promise<void> {
    const fields = { conv, user, delivered: read, read }
    const at = await this.#transact((session) => this.#put('cursors', cursorId(conv, user), fields, session))
    this.committed.push({ at, does: 'ack', conv, user, read })
  }

  #next({ from, to, body, type, ref }: Pick<Sent, 'from' | 'to' | 'body' | 'type' | 'ref'>): Sent {
    const direct = 'group' in to ? undefined : membersOf(from, to)
    const conv = 'group' in to ? to.group : conversationId(direct ?? [])
    const seq = this.lastSeq(conv) + 1
    this.#lastSeqs.set(conv, seq)
    const audience = direct ?? [...this.members(conv)]
    return { id: randomUUID(), conv, seq, from, to, type, body, audience, ...(ref !== undefined && { ref }) }
  }

  async #insert({ id, audience, body, ...fields }: Sent, session: Session): Promise<void> {
    const { conv, seq, to, type } = fields
    const members = 'group' in to ? undefined : audience
    await this.collection('conversations').updateOne(
      { _id: conv },
      { $set: { lastSeq: seq }, $inc: { version: 1 }, ...(members && { $setOnInsert: { members } }) },
      { session, upsert: members !== undefined },
    )
    const clientId = type === 'deleted' ? {} : { clientId: `client-${id}` }
    const document = { _id: id, ...fields, ...clientId, at: new Date(), ...(body !== undefined && { body }) }
    await this.collection('messages').insertOne(document, { session })
  }

  async #put(
    name: keyof typeof messageCollections,
    _id: string,
    fields: object,
    session: Session,
  ): Promise<void> {
    await this.collection(name).replaceOne({ _id }, fields, { upsert: true, session })
  }

  /** Resolves with a position that includes the transaction and no later one. */
  async #transact(work: (session: Session) => Promise<void>): Promise<Position> {
    return await this.#db.admin.withSession(async (session) => {
      await session.withTransaction(work, { writeConcern: { w: 'majority' } })
      const { operationTime: time } = session
      if (time === undefined) throw new Error('expected the time of the commit')
      return positionOf(time.getHighBitsUnsigned(), time.getLowBitsUnsigned())
    })
  }
}
