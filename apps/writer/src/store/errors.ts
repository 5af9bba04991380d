import type { Position } from '@freshet/protocol'

/** What can come of an operation that the database did not do as asked, and what to do then. */
const failures = {
  /** The command was never sent, or the server refused to begin. Nothing was written: send it again. */
  UNREACHABLE: { retry: true },
  /** Other transactions were faster, each time. Nothing was written: send it again. */
  CONFLICT: { retry: true },
  /** There was no room in memory for the stored version, in time. Nothing was written: send it again. */
  CROWDED: { retry: true },
  /** Another transaction is about to keep an answer under the same key. Nothing was written here: send it again. */
  IN_PROGRESS: { retry: true },
  /** What was seen, and decided on it, could not be confirmed by a majority. Nothing was written: send it again. */
  UNCONFIRMED: { retry: true },
  /** The command was sent and nobody knows what came of it. Look, before it is sent again. */
  OUTCOME_UNKNOWN: { retry: false },
  /** A unique index, other than that of `_id`, has the value already. Nothing was written: change the document. */
  NOT_UNIQUE: { retry: false },
  /** A rule or an index of the collection does not take the document. Nothing was written: change the document. */
  UNFIT: { retry: false },
  /** No plain collection: a view, a time series, ids that are compared by a collation. Nothing was written. */
  NOT_EXACT: { retry: false },
  /** The server will not do this, now or later: a missing right. Nothing was written. */
  REJECTED: { retry: false },
} as const satisfies Record<string, { retry: boolean }>

/** A key of {@link failures}. */
export type StoreErrorCode = keyof typeof failures

interface StoreErrorOptions extends ErrorOptions {
  readonly at?: Position
}

/** What the store rejects with. The message and the cause are for the log, never for clients. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** Where a refusal says something about other documents: a position at which a majority has that. */
  readonly at: Position | undefined

  constructor(code: StoreErrorCode, message: string, { at, ...options }: StoreErrorOptions = {}) {
    super(`${code}: ${message}`, options)
    this.code = code
    this.at = at
  }

  /** Whether the same call may succeed later. */
  get retry(): boolean {
    return failures[this.code].retry
  }
}
