/**
 * All errors of a source. `retry`: the same call may succeed later without intervention. `lost`: the feed cannot resume
 * from its position; call `start` and begin a new epoch.
 */
export const failures = {
  /** The connection broke, a primary stepped down, or a cursor was lost. Read again from the last `through`. */
  DISCONNECTED: {
    retry: true,
    lost: false,
    remedy: 'Wait. If it persists, check that the database has a primary.',
  },
  /** The server ended the feed regularly (a dropped database). Read again from the last `through`. */
  ENDED: {
    retry: true,
    lost: false,
    remedy: 'None needed: the feed resumes where it ended.',
  },
  /** The source no longer has the changes after the position. */
  HISTORY_LOST: {
    retry: true,
    lost: true,
    remedy: 'If this happens often, keep changes in the database for longer.',
  },
  /** A change is too large to be delivered. */
  EVENT_TOO_LARGE: { retry: true, lost: true, remedy: 'None needed: the new epoch starts after it.' },
  /** So far behind that the position will soon be unreadable. */
  TOO_FAR_BEHIND: {
    retry: true,
    lost: true,
    remedy: 'Find out what blocked this process, or the database, for minutes.',
  },
  /** Another history is behind the address: a restored copy or another database. */
  SOURCE_CHANGED: {
    retry: true,
    lost: true,
    remedy: 'None needed after a restore; otherwise check the address.',
  },
  /** The database does not identify its history. */
  SOURCE_UNKNOWN: { retry: true, lost: true, remedy: 'Run `freshet migrate` for this database.' },
  /** The position cannot be read now. Use a later one. */
  POSITION_UNAVAILABLE: { retry: true, lost: false, remedy: 'Retry at a later position.' },
  /** A log must be cached completely, and its documents exceed the capacity. */
  TOO_LARGE: {
    retry: false,
    lost: true,
    remedy: 'Increase the cache size, or declare fewer collections.',
  },
  /** A log must be cached completely, but emitted a change without the document's content. */
  CONTENT_UNKNOWN: {
    retry: false,
    lost: true,
    remedy: 'Configure the log to include the whole document in every change.',
  },
  /** The user lacks a right in the database. */
  DENIED: {
    retry: false,
    lost: false,
    remedy: 'Use the user that `freshet migrate` creates for this process.',
  },
  /** This server cannot be followed exactly. */
  UNSUPPORTED: {
    retry: false,
    lost: true,
    remedy: 'Use a supported database, configured as documented.',
  },
} as const satisfies Record<string, { retry: boolean; lost: boolean; remedy: string }>

export type ChangeStreamErrorCode = keyof typeof failures

export interface ChangeStreamErrorOptions extends ErrorOptions {
  /** The remedy for this kind of database; defaults to the general one. */
  readonly remedy?: string | undefined
}

/** The error of a source; `cause` is the underlying error. */
export class ChangeStreamError extends Error {
  override readonly name = 'ChangeStreamError'
  readonly code: ChangeStreamErrorCode
  /** What to do. The message ends with it. */
  readonly remedy: string

  constructor(code: ChangeStreamErrorCode, message: string, options: ChangeStreamErrorOptions = {}) {
    const remedy = options.remedy ?? failures[code].remedy
    super(`${code}: ${message} (${remedy})`, options)
    this.code = code
    this.remedy = remedy
  }

  /** Whether the same call may succeed later by itself. */
  get retry(): boolean {
    return failures[this.code].retry
  }

  /** Whether the feed needs a new `start`. */
  get lost(): boolean {
    return failures[this.code].lost
  }
}
