import type { Part } from '@freshet/kit'
import type { Lineage, Position } from '@freshet/protocol'

/** A document in BSON, its `_id` first. */
export type StoredDocument = Uint8Array

/** The `_id` of a document as the driver wants it; made by the package `collections`, only passed on here. */
export type StoredId = unknown

/** The position of a write that a majority holds in its journal, or of such an operation after a fact was seen. */
export interface Acknowledged {
  readonly at: Position
  /** Whether anything is different now, so that readers hear of it. */
  readonly wrote: boolean
}

/** What to do with the version that was looked at, and what to say when that is done. */
export interface Decision<T> {
  /** The new version whole; `remove`: there is to be none; `keep`: nothing is written. */
  readonly write: StoredDocument | 'remove' | 'keep'
  readonly value: T
}

/** What is kept of an answer under a key, so that the same request can be answered by it again. */
export interface KeptAnswer {
  /** What was asked, as a digest: another request under the same key is found out by it. */
  readonly request: Uint8Array
  readonly status: 200 | 201 | 204
  /** With its quotes. */
  readonly etag: string | undefined
  /** Path of a document that was made. */
  readonly location: string | undefined
  /** The document, where the answer had it. */
  readonly json: Uint8Array | undefined
}

/** As {@link Decision}; what is written has an answer to keep, a refusal has none. */
export type KeptDecision<T> =
  | { readonly write: 'keep'; readonly value: T }
  | { readonly write: StoredDocument | 'remove'; readonly value: T; readonly answer: KeptAnswer }

/** `before`: an answer was kept under the key already, and nothing was done. */
export type Once<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'before'; readonly answer: KeptAnswer }

/**
 * Writes to one database, each durable on a majority (`w: majority, j: true`) before it is answered. Every method
 * rejects with {@link StoreError} and nothing else that is expected; a rejection other than OUTCOME_UNKNOWN says that
 * nothing was written.
 */
export interface DocumentStore {
  /** One command. `taken`: a document with this `_id` is there, as of the position. */
  insert(
    collection: string,
    document: StoredDocument,
  ): Promise<Acknowledged & { readonly outcome: 'inserted' | 'taken' }>
  /** One command, whatever is stored. */
  replace(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): Promise<Acknowledged & { readonly outcome: 'created' | 'replaced' }>
  /**
   * One command that replaces only a version that JSON can carry whole. `unsure`: it found none that it can tell to be
   * one: nothing is stored, or something that must be looked at. A store that looks makes the document where none is.
   */
  replacePlain(
    collection: string,
    id: StoredId,
    document: StoredDocument,
  ): Promise<Acknowledged & { readonly outcome: 'created' | 'replaced' | 'unsure' }>
  /** One command, whatever is stored. */
  remove(collection: string, id: StoredId): Promise<Acknowledged & { readonly outcome: 'removed' | 'absent' }>
  /**
   * Looks at the stored version and writes what `decide` says, both in one snapshot transaction: three commands.
   * `decide` must be pure: after a conflict it is asked again with the newer version. It does not throw. With a `cause`
   * the feed tells it with the change: it is told within the same transaction, by two commands more.
   */
  change<T>(
    collection: string,
    id: StoredId,
    decide: (stored: StoredDocument | undefined) => Decision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }>
}

/** A {@link DocumentStore} that can also write once for a key, however often it is asked to. */
export interface WriteStore extends DocumentStore {
  /**
   * As `change`, and keeps the answer under the key for a day, both or none: two commands more. It is looked for in the
   * same snapshot. Rejects with IN_PROGRESS while another transaction is about to keep one under this key.
   */
  changeOnce<T>(
    collection: string,
    id: StoredId,
    key: Uint8Array,
    decide: (stored: StoredDocument | undefined) => KeptDecision<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }>
}

/** The state of the heartbeat: `beats` is another value after each beat, and is compared for nothing but that. */
export interface Pulse {
  readonly beats: unknown
}

/** The writer's own two documents, which the migration made. */
export interface ControlStore {
  /** The name of the history behind the address, as a majority has it; `undefined` before the first migration. */
  timeline(): Promise<string | undefined>
  /**
   * Beats, if nobody did since its state was as `seen`; `undefined`: as it is now. Resolves, when a majority has it, with
   * the state after that: the same as `seen` only when nobody beat. Rejects when it is gone.
   */
  beat(seen: Pulse | undefined): Promise<Pulse>
}

/** The connection to the database. */
interface BackendConnection {
  /** `connecting`: for the first time; `renewing`: it is being made anew, and nothing can be written. */
  readonly state: 'connecting' | 'connected' | 'renewing'
  /** How often it was made anew. */
  readonly renewals: number
}

/** One database to write to. */
export interface Backend {
  readonly store: WriteStore
  readonly control: ControlStore
  /** Calls the listener before a connection takes the place of one that broke: it may lead to another server. */
  readonly onBroken: (listener: () => void) => void
  /**
   * What the user lacks to write these collections, in words; `undefined`: nothing, or the database cannot be asked now,
   * which keeps no writer from starting.
   */
  readonly missingRight: (collections: Iterable<string>) => Promise<string | undefined>
  readonly connection: BackendConnection
  /** What must run before all else and be stopped last. */
  readonly parts: readonly Part[]
}
