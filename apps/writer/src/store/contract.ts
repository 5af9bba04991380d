import type { DocumentCodec, StoredDocument } from '@freshet/documents'
import type { ByteBudget, Clock, Log, Part } from '@freshet/kit'
import type { Id, Lineage, Position, SourceId, StoredCollection } from '@freshet/protocol'
import type { MessageStore } from './message-store.ts'

/** Identifies one document. The id is valid for the collection. */
export interface DocumentPlace {
  readonly collection: StoredCollection
  readonly id: Id
}

/** The position of a write, or of an operation that read something, that a majority has journaled. */
export interface Acknowledged {
  readonly at: Position
  /** Whether anything changed, so that readers receive a change. */
  readonly wrote: boolean
}

export type Outcome<T> = Acknowledged & { readonly outcome: T }

/** What to write after reading the stored version, and the result to return. */
export interface Decision<T> {
  /** The complete new version; `remove` deletes the document; `keep` writes nothing. */
  readonly write: StoredDocument | 'remove' | 'keep'
  readonly value: T
}

/** Must be pure and must not throw: after a conflict it is called again with the newer version. */
export type Decide<T> = (stored: StoredDocument | undefined) => Decision<T>

/** A response stored under an idempotency key, to be replayed for the same request. */
export interface StoredAnswer {
  /** Digest of the request, to detect another request under the same key. */
  readonly request: Uint8Array
  readonly status: 200 | 201 | 204
  /** Including its quotes. */
  readonly etag: string | undefined
  /** Path of a created document. */
  readonly location: string | undefined
  /** The document, if the response contained it. */
  readonly json: Uint8Array | undefined
}

/** An idempotency key, and the response to store under it if something is written. */
export interface OnceKey {
  readonly key: Uint8Array
  readonly answerOf: (write: StoredDocument | 'remove', existed: boolean) => StoredAnswer
}

/** `before`: a response was already stored under the key, and nothing was done. */
export type Once<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'before'; readonly answer: StoredAnswer }

/**
 * Writes to one database. Each write is durable on a majority before its promise resolves. Every method rejects only
 * with {@link StoreError}; any code but OUTCOME_UNKNOWN means that nothing was written.
 */
export interface DocumentStore {
  /** Inserts with one command. `taken`: a document with this id exists at the position. */
  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>>
  /** Upserts with one command, whatever is stored. */
  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>>
  /**
   * Replaces with one command, and only a version that JSON can represent completely. `unsure`: no such version was
   * found; the document is missing or must be read first.
   */
  replacePlain(
    place: DocumentPlace,
    document: StoredDocument,
  ): Promise<Outcome<'created' | 'replaced' | 'unsure'>>
  /** Deletes with one command, whatever is stored. */
  remove(place: DocumentPlace): Promise<Outcome<'removed' | 'absent'>>
  /** Read-modify-write: reads the stored version and writes what `decide` returns, in one snapshot. */
  change<T>(place: DocumentPlace, decide: Decide<T>): Promise<Acknowledged & { readonly value: T }>
}

/** A {@link DocumentStore} that also records causes and applies a write once per idempotency key. */
export interface WriteStore extends DocumentStore {
  /** Records the `cause`, if any, in the same transaction; the feed attaches it to the change. */
  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }>
  /**
   * Like `change`, and stores the response under the key for a day, atomically. The key is looked up in the same
   * snapshot. Rejects with IN_PROGRESS while another transaction is storing a response under the key.
   */
  changeOnce<T>(
    place: DocumentPlace,
    once: OnceKey,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }>
}

/** State of the heartbeat. `beats` differs after each beat and is only compared for equality. */
export interface HeartbeatState {
  readonly beats: unknown
}

/** The writer's two control documents, created by the migration. Rejects with driver errors, for the log. */
export interface ControlStore {
  /** The majority-committed source id; `undefined` before the first migration. */
  source(): Promise<SourceId | undefined>
  /**
   * Beats unless the state has changed since `seen`; `undefined` only reads. Resolves with the majority-committed state
   * afterwards, which equals `seen` only if nobody beat. Rejects if the heartbeat document is missing.
   */
  beat(seen: HeartbeatState | undefined): Promise<HeartbeatState>
}

interface BackendConnection {
  /** `connecting`: for the first time. `renewing`: the clients are being recreated, and nothing can be written. */
  readonly state: 'connecting' | 'connected' | 'renewing'
  /** How often the clients were recreated. */
  readonly renewals: number
}

export interface Backend {
  readonly codec: DocumentCodec
  readonly store: WriteStore
  readonly control: ControlStore
  /** Messages and the control documents of their database, if they are on. */
  readonly messages?: { readonly store: MessageStore; readonly control: ControlStore } | undefined
  /** Calls the listener before a broken connection is replaced, which may lead to another server. */
  readonly onBroken: (listener: () => void) => void
  /**
   * Checks that the user has a writer's rights on these collections. An unreachable database does not fail the check.
   * @throws {ConfigError} a right is missing.
   */
  readonly expectRights: (collections: Iterable<string>) => Promise<void>
  readonly connection: BackendConnection
  /** Parts to start first and stop last. */
  readonly parts: readonly Part[]
}

/** Settings for every kind of database. */
export interface BackendSettings {
  readonly database: string
  /** Whether messages are written too. */
  readonly messages: boolean
  readonly maxWrites: number
  /** How long a majority may take to acknowledge, in milliseconds. After that, the outcome is unknown. */
  readonly acknowledgeWithinMs: number
}

/** Dependencies of a backend. */
export interface BackendTools {
  readonly clock: Clock
  readonly log: Log
  /** The memory budget for all requests in flight. */
  readonly inFlight: { readonly budget: ByteBudget }
}
