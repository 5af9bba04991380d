import type { Membership, Message, ReadCursor, Revocation } from '@freshet/messages'
import type { Acknowledged } from './contract.ts'

/** A message as stored, with what only the writer needs. */
export interface StoredMessage extends Omit<Message, 'body'> {
  /** The JSON text of the body, exactly as it is delivered. Missing once it was deleted or, in an edit, replaced. */
  readonly text?: string
  /** Fingerprint of the request that stored it. Missing where the text is. */
  readonly digest?: string
  /** The latest edit or deletion of this message. */
  readonly last?: string
}

/** What all members of a conversation share. */
export interface Conversation {
  readonly conv: string
  /** The seq of its latest message; 0: none yet. */
  readonly lastSeq: number
  /** Who made the group; `undefined` for a direct conversation. */
  readonly owner?: string
  /** The members of a direct conversation, sorted. */
  readonly members?: readonly string[]
}

/** New contents of a stored message. */
export interface Replaced {
  readonly id: string
  /** `undefined` removes it, and the digest. */
  readonly text: string | undefined
  /** The new {@link StoredMessage.last}; `undefined` keeps it. */
  readonly last: string | undefined
}

/**
 * One transaction: all that is read is one state, and all that is written appears at one position or not at all. Each
 * method is one command. Run them one after the other.
 */
export interface MessageTransaction {
  message(id: string): Promise<StoredMessage | undefined>
  /** What this user sent under this `clientId`. */
  sent(from: string, clientId: string): Promise<StoredMessage | undefined>
  group(group: string): Promise<Conversation | undefined>
  /** Those that exist, in any order. */
  conversations(convs: readonly string[]): Promise<readonly Conversation[]>
  /** The memberships of one user that exist, in any order. */
  memberships(groups: readonly string[], user: string): Promise<readonly Membership[]>
  /** The cursors of one user that exist, in any order. */
  cursors(convs: readonly string[], user: string): Promise<readonly ReadCursor[]>
  revocation(sub: string): Promise<Revocation | undefined>

  /** Creates a group without messages. Nothing has this id. */
  createGroup(group: string, owner: string): Promise<void>
  /**
   * Takes the next seq of a conversation and returns it. A direct conversation, which has `members`, is created by its
   * first message. `undefined`: no such group, and nothing was written. Conflicts with every other transaction that
   * calls this or {@link touchGroup} for the conversation.
   */
  nextSeq(conv: string, members: readonly string[] | undefined): Promise<number | undefined>
  /** Writes an existing group without a new message, so that changes of its members conflict with messages. */
  touchGroup(group: string): Promise<void>
  /** @throws {StoreError} NOT_UNIQUE: `sent` has one. */
  insertMessage(message: StoredMessage): Promise<void>
  replaceMessages(replaced: readonly Replaced[]): Promise<void>
  putMembership(membership: Membership): Promise<void>
  putCursors(cursors: readonly ReadCursor[]): Promise<void>
  putRevocation(revocation: Revocation): Promise<void>
}

/** Reads and writes messages. */
export interface MessageStore {
  /**
   * Runs `work` in a transaction, again after each conflict with another one, so it must not have effects of its own.
   * Resolves when a majority has journaled what was written or, if `wrote` is false, what was read.
   * @param conversation what the transaction conflicts about: those of the same one follow each other.
   * @throws {StoreError} also what `work` throws; nothing was written then.
   */
  run<T>(
    work: (transaction: MessageTransaction) => Promise<{ readonly value: T; readonly wrote: boolean }>,
    conversation?: string,
  ): Promise<Acknowledged & { readonly value: T }>
}
