import type { Clock } from '@freshet/kit'
import { userOf } from '@freshet/messages'
import type { Id } from '@freshet/protocol'
import { parameterOf, type BodyShare, type Call } from '@freshet/service'
import type { IncomingMessage } from 'node:http'
import type { Answer } from '../answer.ts'
import { placed, settled, verdictOf, type OperationParts } from '../operations/placed.ts'
import type { MessageStore, MessageTransaction } from '../store/message-store.ts'

/** What the operations on messages use. */
export interface MessageParts extends Pick<OperationParts, 'limit' | 'source'> {
  readonly store: MessageStore
  /** A new id of a message. They sort by time. */
  readonly newId: () => Id
  readonly clock: Pick<Clock, 'wallMs'>
  /** The role, in the claim `roles`, that may manage every group and revoke tokens. */
  readonly adminRole: string
}

/** A request whose head was accepted; its body has not been read. */
export interface MessageRequest {
  readonly request: IncomingMessage
  readonly share: BodyShare
  /** Who asks: the claim `sub`. */
  readonly user: string
  /** The groups that the token names: the user reads them, but does not send to them. */
  readonly groups: readonly string[]
  readonly isAdmin: boolean
  /** A parameter of the path. */
  readonly parameter: (name: 'message' | 'group' | 'user') => string
}

/** An operation on messages. */
export type MessageOperation = (parts: MessageParts, asked: MessageRequest) => Promise<Answer>

/** @throws {ProblemError} forbidden: the token's `sub` cannot be the name of a user. */
export function toMessageRequest({ adminRole }: MessageParts, call: Call, share: BodyShare): MessageRequest {
  const { request, claims } = call
  if (claims === undefined) throw new TypeError('expected the claims of a token')
  return {
    request,
    share,
    user: userOf(claims),
    groups: claims.groups,
    isAdmin: claims.roles.includes(adminRole),
    parameter: (name) => parameterOf(call, name),
  }
}

/** What a transaction decided, and whether it wrote anything. */
export interface Decided<T> {
  readonly value: T
  readonly wrote: boolean
}

/** What a transaction is about. */
interface TransactionSubject {
  /** What may have been stored if the outcome is unknown. */
  readonly id: Id
  /** See {@link MessageStore.run}. */
  readonly conversation?: string
}

/**
 * Decides and writes in one transaction. A `ProblemError` that `decide` throws before it writes anything is answered with
 * the position of what it was based on.
 */
export async function transact<T>(
  { store, source, limit }: Pick<MessageParts, 'store' | 'source' | 'limit'>,
  { id, conversation }: TransactionSubject,
  decide: (transaction: MessageTransaction) => Promise<Decided<T>>,
  /** Decides instead if `decide` fails; rejects with the error that it does not handle. */
  after: (error: unknown) => (transaction: MessageTransaction) => Promise<Decided<T>> = rethrow,
): Promise<{ readonly value: T; readonly position: string }> {
  const run = (one: typeof decide, turn?: string) =>
    store.run((transaction) => verdictOf(() => one(transaction)), turn)
  return settled(
    await placed({ source, limit }, id, () =>
      run(decide, conversation).catch((error: unknown) => run(after(error))),
    ),
  )
}

function rethrow(error: unknown): never {
  throw error
}

/** An answer with a JSON body. */
export function jsonAnswer(
  status: 200 | 201,
  position: string,
  body: object | string,
  location?: string,
): Answer {
  const json = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return { status, position, version: { json }, location }
}
