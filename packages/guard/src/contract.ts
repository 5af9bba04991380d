// G1.6 fails without this file: a command that writes compiles.
import type { Document } from 'mongodb'
import type { readCommands } from './allowed-commands.ts'
import type { readStageNames } from './allowed-names.ts'
import type { GuardStatus } from './status.ts'

/** The commands that a reader may send; any other is refused by type, at run time and by the database's role. */
export type ReadCommandName = (typeof readCommands)[number]

type ReadStageName = (typeof readStageNames)[number]

/** What stands beside a sub-pipeline is not looked at by the compiler. */
interface WithPipeline {
  readonly pipeline?: ReadPipeline
  readonly [field: string]: unknown
}

type ArgumentOf<Name extends ReadStageName> = Name extends '$facet'
  ? Readonly<Record<string, ReadPipeline>>
  : Name extends '$lookup' | '$unionWith'
    ? string | WithPipeline
    : unknown

/** One stage that only reads; a name that is not on the list does not compile. */
export type ReadStage = { readonly [Name in ReadStageName]?: ArgumentOf<Name> }

/** A pipeline of such stages, sub-pipelines included. */
export type ReadPipeline = readonly ReadStage[]

/** A command that reads, by its first key. The compiler looks at its pipeline too, and at nothing else. */
export type ReadCommand = {
  [Name in ReadCommandName]: { readonly [Key in Name]: unknown } & (Name extends 'aggregate'
    ? { readonly pipeline: ReadPipeline }
    : unknown) &
    Readonly<Record<string, unknown>>
}[ReadCommandName]

/** One logical session of the driver, without the driver's way back to collections and clients. */
export interface ReadSession {
  readonly __brand: 'ReadSession'
}

export interface RunOptions {
  /** Commands of one cursor go through one session. */
  readonly session?: ReadSession
  /** `batches`: the documents of `cursor.firstBatch` and `cursor.nextBatch` come as raw BSON, unparsed. */
  readonly raw?: 'batches'
  /** The wait for the reply, in milliseconds, after which the connection is given up with GuardError REPLY_TIMEOUT. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** The only door to a database for whoever reads: one guarded client, one database. */
export interface ReadConnection {
  /** The database that commands go to. */
  readonly database: string
  /**
   * Sends one read command to the primary and resolves with the server's whole reply (`operationTime` included).
   * `cursor.id` of the reply is always a `Long`; ids in `getMore` and `killCursors` are sent as 64-bit numbers
   * whatever they come as. Raw documents are views into the reply: copy what is kept. Nothing is read from a server that
   * was not looked at: the first reply of another one waits until it was.
   * @throws {GuardError} WRITE_REFUSED before a byte leaves; UNREACHABLE while the client is made anew; what `prove`
   *   found; the driver's own error for everything else.
   */
  run(command: ReadCommand, options?: RunOptions): Promise<Document>
  /**
   * Looks again at what stands between this connection and a write: the veto, by a canary, and the role, by the server's
   * word. When something is wrong, nothing is sent until a later look finds it mended. The time is limited as for `run`.
   * @throws {GuardError} PRIVILEGE, NO_ACCESS_CONTROL, NOT_AUTHENTICATED, VETO_MISSING, UNREACHABLE
   */
  prove(): Promise<void>
  /** Lives as long as the client that it was opened on; `run` with one of an earlier client is UNREACHABLE. */
  openSession(): ReadSession
  endSession(session: ReadSession): Promise<void>
  /** Closes the client; twice is fine. */
  close(): Promise<void>
}

/** A connection that was opened by this package and so can tell what it is guarded by. */
export interface GuardedConnection extends ReadConnection {
  /** A snapshot, cheap enough for every scrape. */
  status(): GuardStatus
}
