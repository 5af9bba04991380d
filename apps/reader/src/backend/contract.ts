import type { Part } from '@freshet/kit'
import type { Interval, Message } from '@freshet/messages'
import type { Position } from '@freshet/protocol'
import type { Replica } from '@freshet/replica'
import type { GuardReport, ServiceTools } from '@freshet/service'
import type { CachedDocument } from '../read-document.ts'
import type { ReadAccess } from '../reader-handler.ts'

/** A database to read from. */
export interface Backend {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardReport
  /** `undefined`: messages are off. */
  readonly messages?: MessageReads | undefined
  /** Started before the replica, stopped after it. */
  readonly parts: readonly Part[]
}

/** Settings common to all backends. */
export interface BackendSettings {
  readonly database: string
  /** The folder of the collection files. */
  readonly collections: string
  readonly cacheBytes: number
  readonly fillWaitMs: number
  /** Whether messages are read too. */
  readonly messages: boolean
}

export interface BackendTools extends Pick<ServiceTools, 'clock' | 'log' | 'signal'> {
  readonly inFlight: Pick<ServiceTools['inFlight'], 'budget'>
}

/** Where and how long a read of messages reads. */
export interface ReadAt {
  readonly at: Position
  /** The time limit of one query. */
  readonly withinMs: number
  readonly signal: AbortSignal
}

/** A message as stored. */
export interface StoredMessage extends Omit<Message, 'body'> {
  /** The JSON text of the body. Missing once it was deleted or, in an edit, replaced. */
  readonly bodyJson?: string
  /** The id of the latest edit or deletion. The body is that of this edit. */
  readonly last?: string
}

/** A conversation; `members` are those of a direct one, and a group has none. */
export interface Conversation {
  readonly conv: string
  readonly lastSeq: number
  readonly members: readonly string[] | undefined
}

/** What a user may see of a group according to the stored membership; empty: never a member. */
export interface Seen {
  readonly conv: string
  readonly intervals: readonly Interval[]
}

/** The first documents of a list, as many as fit. */
export interface Excerpt<T, K> {
  readonly items: readonly T[]
  /** The key of the last document that was looked at; a malformed one is not among the items. */
  readonly reached: K | undefined
  /** Whether nothing is behind `reached`. */
  readonly complete: boolean
}

/** The list of a user's conversations, from behind an id on. */
export interface ListOf {
  readonly user: string
  /** Ids after this one, in order of code units. */
  readonly after: string
  readonly limit: number
}

/**
 * Reads of messages, each exactly as of the position that it is given.
 * @throws {ChangeStreamError} every method; `retry`: a later position may be readable.
 */
export interface MessageReads {
  conversation(conv: string, read: ReadAt): Promise<Conversation | undefined>
  /** Those of these groups that exist, in any order. */
  groups(convs: readonly string[], read: ReadAt): Promise<readonly Conversation[]>
  intervals(group: string, user: string, read: ReadAt): Promise<readonly Interval[]>
  /** The messages with these seqs, in the order of the list, as many as fit into `maxBytes`, and at least one. */
  messages(
    conv: string,
    seqs: readonly number[],
    maxBytes: number,
    read: ReadAt,
  ): Promise<Excerpt<StoredMessage, number>>
  /** The seqs of messages, by id. */
  seqs(ids: readonly string[], read: ReadAt): Promise<ReadonlyMap<string, number>>
  /** Groups with a stored membership that shows or will show something. */
  memberships(list: ListOf, maxBytes: number, read: ReadAt): Promise<Excerpt<Seen, string>>
  /** Direct conversations. */
  directs(list: ListOf, maxBytes: number, read: ReadAt): Promise<Excerpt<Conversation, string>>
  /** How far the user has read these conversations; those that were never read are missing. */
  readSeqs(user: string, convs: readonly string[], read: ReadAt): Promise<ReadonlyMap<string, number>>
}
