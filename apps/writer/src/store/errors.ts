import type { Position } from '@freshet/protocol'

/** Why an operation failed, and whether to retry it. */
const failures = {
  /** The command was never sent, or the server rejected it unstarted. Nothing was written; retry. */
  UNREACHABLE: { retry: true },
  /** Other transactions won each time. Nothing was written; retry. */
  CONFLICT: { retry: true },
  /** The memory budget had no capacity for the stored version in time, or earlier inserts took too long. Nothing was written; retry. */
  CROWDED: { retry: true },
  /** Another transaction is storing a response under the same key. Nothing was written here; retry. */
  IN_PROGRESS: { retry: true },
  /** A majority could not confirm what the decision was based on. Nothing was written; retry. */
  UNCONFIRMED: { retry: true },
  /** The command was sent and its outcome is unknown. Read before sending it again. */
  OUTCOME_UNKNOWN: { retry: false },
  /** A unique index other than that of `_id` already has the value. Nothing was written; change the document. */
  NOT_UNIQUE: { retry: false },
  /** A validator or an index of the collection rejects the document. Nothing was written; change the document. */
  UNFIT: { retry: false },
  /** Not a plain collection: a view, a time series, or ids compared by a collation. Nothing was written. */
  NOT_EXACT: { retry: false },
  /** The server will never do this: a right is missing. Nothing was written. */
  REJECTED: { retry: false },
} as const satisfies Record<string, { retry: boolean }>

export type StoreErrorCode = keyof typeof failures

interface StoreErrorOptions extends ErrorOptions {
  readonly at?: Position
}

/** The error of the store. Message and cause are for the log, never for clients. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** For rejections that depend on other documents: a position at which a majority has those. */
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
