import type { DocumentCodec, StoredDocument } from '@freshet/documents'
import type { ByteBudget, Clock, Log, Part } from '@freshet/kit'
import type { Id, Lineage, Position, SourceId, StoredCollection } from '@freshet/protocol'

/** Where one document is. The id is valid for the collection. */
export interface DocumentPlace {
  readonly collection: StoredCollection
  readonly id: Id
}

/** The position of a write that a majority holds in its journal, or of such an operation after a fact was seen. */
export interface Acknowledged {
  readonly at: Position
  /** Whether anything is different now, so that readers hear of it. */
  readonly wrote: boolean
}

/** What was done, and what came of it. */
export type Outcome<T> = Acknowledged & { readonly outcome: T }

/** What to write after a look at the stored version, and what to say when that is done. */
export interface Decision<T> {
  /** The new version whole; `remove`: there is to be none; `keep`: nothing is written. */
  readonly write: StoredDocument | 'remove' | 'keep'
  readonly value: T
}

/** Must be pure: after a conflict it is asked again with the newer version. It does not throw. */
export type Decide<T> = (stored: StoredDocument | undefined) => Decision<T>

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

/** A key, and the answer to keep under it when something is written. */
export interface OnceKey {
  readonly key: Uint8Array
  readonly answerOf: (write: StoredDocument | 'remove', existed: boolean) => KeptAnswer
}

/** `before`: an answer was kept under the key already, and nothing was done. */
export type Once<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'before'; readonly answer: KeptAnswer }

/**
 * Writes to one database, each durable on a majority before it is answered. Every method rejects with {@link StoreError}
 * and nothing else that is expected; a rejection other than OUTCOME_UNKNOWN says that nothing was written.
 */
export interface DocumentStore {
  /** One command. `taken`: a document with this id is there, as of the position. */
  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>>
  /** One command, whatever is stored. */
  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>>
  /**
   * Replaces only a version that JSON can carry whole, by one command. `unsure`: it found none that it can tell to be
   * one: nothing is stored, or something that must be looked at.
   */
  replacePlain(
    place: DocumentPlace,
    document: StoredDocument,
  ): Promise<Outcome<'created' | 'replaced' | 'unsure'>>
  /** One command, whatever is stored. */
  remove(place: DocumentPlace): Promise<Outcome<'removed' | 'absent'>>
  /** Read-modify-write: looks at the stored version and writes what `decide` says, both in one snapshot. */
  change<T>(place: DocumentPlace, decide: Decide<T>): Promise<Acknowledged & { readonly value: T }>
}

/** A {@link DocumentStore} that can also tell causes, and write once for a key, however often it is asked to. */
export interface WriteStore extends DocumentStore {
  /** With a `cause` the feed tells it with the change: it is told within the same transaction. */
  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }>
  /**
   * As `change`, and keeps the answer under the key for a day, both or none. It is looked for in the same snapshot.
   * Rejects with IN_PROGRESS while another transaction is about to keep one under this key.
   */
  changeOnce<T>(
    place: DocumentPlace,
    once: OnceKey,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }>
}

/** The state of the heartbeat: `beats` is another value after each beat, and is compared for nothing but that. */
export interface Pulse {
  readonly beats: unknown
}

/** The writer's own two documents, which the migration made. Rejects with errors of the driver, for the log. */
export interface ControlStore {
  /** Which history is behind the address, as a majority has it; `undefined` before the first migration. */
  source(): Promise<SourceId | undefined>
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
  readonly codec: DocumentCodec
  readonly store: WriteStore
  readonly control: ControlStore
  /** Calls the listener before a connection takes the place of one that broke: it may lead to another server. */
  readonly onBroken: (listener: () => void) => void
  /**
   * Asks whether the user may do what a writer does to these collections. A database that cannot be asked now keeps no
   * writer from starting. @throws {ConfigError} a right is missing.
   */
  readonly expectRights: (collections: Iterable<string>) => Promise<void>
  readonly connection: BackendConnection
  /** What must run before all else and be stopped last. */
  readonly parts: readonly Part[]
}

/** What every kind of database is opened with. */
export interface BackendSettings {
  readonly database: string
  readonly maxWrites: number
  /** How long a majority may take to acknowledge, in milliseconds; then the outcome is unknown. */
  readonly acknowledgeWithinMs: number
}

/** What a backend works with. */
export interface BackendTools {
  readonly clock: Clock
  readonly log: Log
  /** The memory for all that is under way. */
  readonly inFlight: { readonly budget: ByteBudget }
}
