/**
 * Everything a source can fail with. `retry`: the same call may succeed later without anybody's help. `lost`: the
 * history cannot be followed from where one stands; call `start` and begin a new epoch.
 */
export const failures = {
  /** The connection broke, a primary stepped down, a cursor died. Read again from the last `through`. */
  DISCONNECTED: {
    retry: true,
    lost: false,
    remedy: 'Wait; if it goes on, check that the database has a primary.',
  },
  /** The server ended the feed in an orderly way (a drop of the database). Read again from the last `through`. */
  ENDED: {
    retry: true,
    lost: false,
    remedy: 'None is needed: the feed is opened again from where it ended.',
  },
  /** The source no longer has the changes after the position. */
  HISTORY_LOST: {
    retry: true,
    lost: true,
    remedy: 'Have the database keep its changes for longer if this comes often.',
  },
  /** A change is too large for the source to tell. */
  EVENT_TOO_LARGE: { retry: true, lost: true, remedy: 'None is needed: the new epoch begins behind it.' },
  /** So far behind that the position can soon not be read any more. */
  TOO_FAR_BEHIND: {
    retry: true,
    lost: true,
    remedy: 'Look for what held this process, or the database, for minutes.',
  },
  /** Another history is behind the address: a restored copy, or another database. */
  SOURCE_CHANGED: {
    retry: true,
    lost: true,
    remedy: 'None is needed after a restore; else check the address.',
  },
  /** Nothing says which history this is. */
  SOURCE_UNKNOWN: { retry: true, lost: true, remedy: 'Run `freshet migrate` for this database.' },
  /** Nothing can be read for that position now. Take a newer one. */
  POSITION_UNAVAILABLE: { retry: true, lost: false, remedy: 'Ask again at a newer position.' },
  /** A log is to be held whole, and its documents need more bytes than there are. */
  TOO_LARGE: {
    retry: false,
    lost: true,
    remedy: 'Give the cache more bytes, or declare fewer collections.',
  },
  /** A log is to be held whole, and told that a document changed without saying into what. */
  CONTENT_UNKNOWN: {
    retry: false,
    lost: true,
    remedy: 'Have the log tell the whole document with every change.',
  },
  /** The database does not let this user do it. */
  DENIED: {
    retry: false,
    lost: false,
    remedy: 'Give this process the user that `freshet migrate` makes for it.',
  },
  /** This server cannot be followed exactly. */
  UNSUPPORTED: {
    retry: false,
    lost: true,
    remedy: 'Use a database that can be followed, set up as the documentation says.',
  },
} as const satisfies Record<string, { retry: boolean; lost: boolean; remedy: string }>

export type ChangeStreamErrorCode = keyof typeof failures

export interface ChangeStreamErrorOptions extends ErrorOptions {
  /** What to do with this kind of database; default: what helps with all. */
  readonly remedy?: string | undefined
}

/** What a source throws; `cause` keeps the error that came from below. */
export class ChangeStreamError extends Error {
  override readonly name = 'ChangeStreamError'
  readonly code: ChangeStreamErrorCode

  constructor(code: ChangeStreamErrorCode, message: string, options: ChangeStreamErrorOptions = {}) {
    super(`${code}: ${message} (${options.remedy ?? failures[code].remedy})`, options)
    this.code = code
  }

  /** Whether the same call may succeed later by itself. */
  get retry(): boolean {
    return failures[this.code].retry
  }

  /** Whether the feed can only go on by a new `start`. */
  get lost(): boolean {
    return failures[this.code].lost
  }
}
