// G1.6 fails without this file: a command that writes compiles.
import type { Document } from 'mongodb'
import type { readCommands } from './allowed-commands.ts'
import type { readStageNames } from './allowed-names.ts'
import type { GuardStatus } from './status.ts'

/** The commands that a reader may send. Types, veto and the database's role reject all others. */
export type ReadCommandName = (typeof readCommands)[number]

type ReadStageName = (typeof readStageNames)[number]

/** Fields besides the sub-pipeline are not checked by the compiler. */
interface WithPipeline {
  readonly pipeline?: ReadPipeline
  readonly [field: string]: unknown
}

type ArgumentOf<Name extends ReadStageName> = Name extends '$facet'
  ? Readonly<Record<string, ReadPipeline>>
  : Name extends '$lookup' | '$unionWith'
    ? string | WithPipeline
    : unknown

/** One stage that only reads. Unlisted names do not compile. */
export type ReadStage = { readonly [Name in ReadStageName]?: ArgumentOf<Name> }

/** A pipeline of such stages, including sub-pipelines. */
export type ReadPipeline = readonly ReadStage[]

/** A read command, identified by its first key. The compiler also checks its pipeline, but nothing else. */
export type ReadCommand = {
  [Name in ReadCommandName]: { readonly [Key in Name]: unknown } & (Name extends 'aggregate'
    ? { readonly pipeline: ReadPipeline }
    : unknown) &
    Readonly<Record<string, unknown>>
}[ReadCommandName]

/** A logical session of the driver, without access to its client and collections. */
export interface ReadSession {
  readonly __brand: 'ReadSession'
}

export interface RunOptions {
  /** All commands of a cursor must use the same session. */
  readonly session?: ReadSession
  /** `batches`: `cursor.firstBatch` and `cursor.nextBatch` contain raw BSON. */
  readonly raw?: 'batches'
  /** How long to wait for the reply, in milliseconds. After that, closes the connection: GuardError REPLY_TIMEOUT. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface PinOptions {
  /** How long to wait for a connection, in milliseconds: GuardError REPLY_TIMEOUT. */
  readonly timeoutMs: number
  /** Closes the connection. */
  readonly signal: AbortSignal
}

/**
 * One connection to one server process, for commands that follow each other, such as those of a cursor. Several times
 * cheaper than `ReadConnection.run`. Closes when the server is no longer primary, when a reply is late, and when the
 * signal aborts; then a command rejects, and so do all later ones.
 */
export interface PinnedConnection {
  /**
   * Like `ReadConnection.run`, one command at a time and without a session. A command that was the latest is sent as it was
   * then.
   */
  run(command: ReadCommand, options: PinnedRunOptions): Promise<Document>
  /** Rejects the command that waits. Idempotent. */
  close(): void
}

export type PinnedRunOptions = Pick<RunOptions, 'raw'> & Required<Pick<RunOptions, 'timeoutMs'>>

/** A reader's only access to a database: one guarded client, one database. */
export interface ReadConnection {
  /** The database that commands are sent to. */
  readonly database: string
  /**
   * Sends a read command to the primary and resolves with the server's complete reply, including `operationTime`.
   * `cursor.id` of the reply is always a `Long`; `getMore` and `killCursors` send ids as 64-bit numbers, whatever their
   * type. Raw documents are views into the reply: copy what you keep. The first reply of an unverified server process
   * is delayed until it has been verified.
   * @throws {GuardError} WRITE_REFUSED before anything is sent; UNREACHABLE while the client is being recreated,
   * and while a direct connection leads to no primary; the
   * errors of `prove`; other errors are the driver's own.
   */
  run(command: ReadCommand, options?: RunOptions): Promise<Document>
  /**
   * Verifies the protection again: the veto by a canary, and the role by asking the server. After a failure nothing is
   * sent until a later verification succeeds. Same time limit as `run`.
   * @throws {GuardError} PRIVILEGE, NO_ACCESS_CONTROL, NOT_AUTHENTICATED, VETO_MISSING, UNREACHABLE
   */
  prove(): Promise<void>
  /** Takes a connection for exclusive use; it counts towards `maxPoolSize`. @throws {GuardError} as `run`. */
  pin(options: PinOptions): Promise<PinnedConnection>
  /** Valid as long as the client it was opened on; after that, `run` rejects with UNREACHABLE. */
  openSession(): ReadSession
  endSession(session: ReadSession): Promise<void>
  /** Closes the client. Idempotent. */
  close(): Promise<void>
}

/** A connection opened by this package, which can report its protection. */
export interface GuardedConnection extends ReadConnection {
  /** A snapshot, cheap enough for every scrape. */
  status(): GuardStatus
}
