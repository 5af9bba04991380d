import { cursorId, membershipId, revocationId } from '@freshet/messages'
import type { Membership, ReadCursor, Recipients, Revocation } from '@freshet/messages'
import { messageCollections as collections } from '@freshet/mongodb-rules'
import type { Document } from 'mongodb'
import type { Acknowledged } from '../contract.ts'
import type {
  Conversation,
  MessageStore,
  MessageTransaction,
  Replaced,
  StoredMessage,
} from '../message-store.ts'
import { refusedStatement, writeErrorOf } from './statements.ts'
import type { SnapshotTransactions, Transaction, Work } from './transactions.ts'
import type { Turns } from './turns.ts'

/** Messages in a database of their own. */
export class MongoMessages implements MessageStore {
  readonly #database: string
  readonly #transactions: Pick<SnapshotTransactions, 'run'>
  readonly #turns: Turns

  /** @param database that of the messages. */
  constructor(database: string, transactions: Pick<SnapshotTransactions, 'run'>, turns: Turns) {
    this.#database = database
    this.#transactions = transactions
    this.#turns = turns
  }

  async run<T>(
    work: (transaction: MessageTransaction) => Promise<Work<T>>,
    conversation?: string,
  ): Promise<Acknowledged & { readonly value: T }> {
    const end = conversation === undefined ? () => {} : await this.#turns.take(conversation)
    try {
      // The next one may begin when this one commits: it need not wait for a majority.
      return await this.#transactions.run(
        (transaction) => work(new Messages(this.#database, transaction)),
        end,
      )
    } finally {
      end()
    }
  }
}

/** Rejects with driver errors, which the transaction translates, and with {@link StoreError}. */
class Messages implements MessageTransaction {
  readonly #database: string
  readonly #transaction: Transaction

  constructor(database: string, transaction: Transaction) {
    this.#database = database
    this.#transaction = transaction
  }

  async message(id: string): Promise<StoredMessage | undefined> {
    return (await this.#find(collections.messages, { _id: id })).map(messageFrom)[0]
  }

  async sent(from: string, clientId: string): Promise<StoredMessage | undefined> {
    return (await this.#find(collections.messages, { from, clientId })).map(messageFrom)[0]
  }

  async group(group: string): Promise<Conversation | undefined> {
    return (await this.#find(collections.conversations, { _id: group, group: true })).map(conversationFrom)[0]
  }

  async conversations(convs: readonly string[]): Promise<readonly Conversation[]> {
    return (await this.#find(collections.conversations, { _id: { $in: convs } }, convs.length)).map(
      conversationFrom,
    )
  }

  async memberships(groups: readonly string[], user: string): Promise<readonly Membership[]> {
    const ids = groups.map((group) => membershipId(group, user))
    const found = await this.#find(collections.memberships, { _id: { $in: ids } }, ids.length)
    return found.map(({ group, user: member, intervals }) => ({ group, user: member, intervals }))
  }

  async cursors(convs: readonly string[], user: string): Promise<readonly ReadCursor[]> {
    const ids = convs.map((conv) => cursorId(conv, user))
    const found = await this.#find(collections.cursors, { _id: { $in: ids } }, ids.length)
    return found.map(({ conv, user: reader, delivered, read }) => ({ conv, user: reader, delivered, read }))
  }

  async revocation(sub: string): Promise<Revocation | undefined> {
    const [found] = await this.#find(collections.revocations, { _id: revocationId(sub) })
    return found && { sub, notBefore: found['notBefore'] }
  }

  async createGroup(group: string, owner: string): Promise<void> {
    const documents = [{ _id: group, lastSeq: 0, version: 1, group: true, owner }]
    await this.#write({ insert: collections.conversations, documents })
  }

  async nextSeq(conv: string, members: readonly string[] | undefined): Promise<number | undefined> {
    const { value } = await this.#command({
      findAndModify: collections.conversations,
      query: members === undefined ? { _id: conv, group: true } : { _id: conv },
      update: { $inc: { lastSeq: 1, version: 1 }, ...(members && { $setOnInsert: { members } }) },
      upsert: members !== undefined,
      new: true,
      fields: { lastSeq: 1 },
    })
    return value?.lastSeq
  }

  async touchGroup(group: string): Promise<void> {
    const updates = [{ q: { _id: group, group: true }, u: { $inc: { version: 1 } } }]
    await this.#write({ update: collections.conversations, updates })
  }

  async insertMessage({ id, text, atMs, ...fields }: StoredMessage): Promise<void> {
    const document = { _id: id, ...fields, at: new Date(atMs), ...(text !== undefined && { body: text }) }
    await this.#write({ insert: collections.messages, documents: [document] })
  }

  async replaceMessages(replaced: readonly Replaced[]): Promise<void> {
    const updates = replaced.map(({ id, text, last }) => ({
      q: { _id: id },
      u: {
        ...(text === undefined && { $unset: { body: true, digest: true } }),
        ...((text ?? last) !== undefined && {
          $set: { ...(text !== undefined && { body: text }), ...(last !== undefined && { last }) },
        }),
      },
    }))
    await this.#write({ update: collections.messages, updates })
  }

  async putMembership(membership: Membership): Promise<void> {
    const { group, user } = membership
    const updates = [replacement(membershipId(group, user), membership)]
    await this.#write({ update: collections.memberships, updates })
  }

  async putCursors(cursors: readonly ReadCursor[]): Promise<void> {
    const updates = cursors.map((cursor) => replacement(cursorId(cursor.conv, cursor.user), cursor))
    await this.#write({ update: collections.cursors, updates })
  }

  async putRevocation({ sub, notBefore }: Revocation): Promise<void> {
    await this.#write({
      update: collections.revocations,
      updates: [replacement(revocationId(sub), { sub, notBefore })],
    })
  }

  async #find(collection: string, filter: Document, limit = 1): Promise<readonly Document[]> {
    const command = { find: collection, filter, limit, batchSize: limit, singleBatch: true }
    const { cursor } = await this.#command(command)
    return cursor.firstBatch
  }

  async #write(command: Document): Promise<void> {
    const error = writeErrorOf(await this.#command(command))
    if (error) throw refusedStatement(error)
  }

  #command(command: Document): Promise<Document> {
    return this.#transaction.command(this.#database, command)
  }
}

/** An `update` statement that writes the whole document, because deliveries need all of it in the change. */
function replacement(_id: string, fields: object): Document {
  return { q: { _id }, u: { _id, ...fields }, upsert: true }
}

function messageFrom(document: Document): StoredMessage {
  const { _id: id, at, body, clientId, ref, digest, last, conv, seq, from, type } = document
  const recipients: Recipients = document['to']
  return {
    id,
    type,
    conv,
    seq,
    from,
    to: recipients,
    atMs: at.getTime(),
    ...(clientId !== undefined && { clientId }),
    ...(ref !== undefined && { ref }),
    ...(body !== undefined && { text: body }),
    ...(digest !== undefined && { digest }),
    ...(last !== undefined && { last }),
  }
}

function conversationFrom({ _id: conv, lastSeq, owner, members }: Document): Conversation {
  return {
    conv,
    lastSeq,
    ...(owner !== undefined && { owner }),
    ...(members !== undefined && { members }),
  }
}
