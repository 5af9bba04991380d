/** Why a call can fail, whether a retry may succeed, and the remedy. */
export const failures = {
  /** The replica did not reach the position in time. */
  BEHIND: { retry: true, remedy: 'retry after a moment, or use another replica' },
  /** The argument is not a position. */
  BAD_POSITION: {
    retry: false,
    remedy:
      'pass the `at` of an answer, `{ source, at }`, or the result of `parseSourcePosition` for header text',
  },
  /** The position belongs to another history of the database. */
  WRONG_SOURCE: {
    retry: false,
    remedy: 'discard the position: it belongs to another database or an older restore',
  },
  /** The database does not identify its history. */
  SOURCE_UNKNOWN: { retry: true, remedy: 'run the migration, which writes the control document' },
  /** The source refuses to be followed or read, or cannot be: its settings, or the rights of the user, do not allow it. */
  SOURCE_REFUSED: {
    retry: true,
    remedy: 'correct what the log of the replica names: a setting, a right, or the source',
  },
  /** An option of `openReplica` is missing, unknown or of the wrong type. */
  BAD_OPTION: { retry: false, remedy: 'correct the option that the message names' },
  /** This replica does not serve the collection. */
  UNKNOWN_COLLECTION: { retry: false, remedy: 'declare the collection' },
  /** The collection cannot be followed exactly. */
  COLLECTION_NOT_EXACT: {
    retry: false,
    remedy: 'correct the cause that the message names, or serve another collection',
  },
  /** The id does not match the collection's id type. A document with it may exist but is not part of the collection. */
  BAD_ID: { retry: false, remedy: "use the canonical form of the collection's id type" },
  /** The database cannot be read now, and the answer is not cached. */
  UNAVAILABLE: { retry: true, remedy: 'retry after a moment; see the log for the cause' },
  /** The documents together exceed the limit of one answer. */
  ANSWER_TOO_LARGE: { retry: false, remedy: 'request fewer documents at once' },
  /** Too many callers are already waiting. */
  TOO_MANY_WAITERS: { retry: true, remedy: 'retry after a moment, or add replicas' },
  /** The caller's signal aborted. */
  CANCELLED: { retry: false, remedy: 'none: the caller cancelled the call' },
  /** The replica was closed. */
  STOPPED: { retry: false, remedy: 'use another replica' },
} as const satisfies Record<string, { retry: boolean; remedy: string }>

export type ReplicaErrorCode = keyof typeof failures

/** A failed call. `code` is for programs; the message states what was expected, what was received and the remedy. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError'
  readonly code: ReplicaErrorCode
  /** What was expected and what was received, without the remedy. */
  readonly detail: string

  constructor(code: ReplicaErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail} (${failures[code].remedy})`, options)
    this.code = code
    this.detail = detail
  }

  get retry(): boolean {
    return failures[this.code].retry
  }
}
