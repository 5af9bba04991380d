/** What a caller may hear, whether the same call may succeed later, and what to do. */
export const failures = {
  /** The replica has not reached the position in time. Ask again later, or another replica. */
  BEHIND: { retry: true, remedy: 'ask again after a moment, or ask another replica' },
  /** What was given as a position is none: wrong however often it is asked. */
  BAD_POSITION: {
    retry: false,
    remedy:
      "pass the `at` of an answer, `{ source, at }`, or what `parseSourcePosition` makes of a header's text",
  },
  /** The position belongs to another history of the database. Forget it. */
  WRONG_SOURCE: {
    retry: false,
    remedy: 'forget the position: it is of another database or of an older restore',
  },
  /** The database does not say which history it is. */
  SOURCE_UNKNOWN: { retry: true, remedy: 'run the migration, which writes the control document' },
  /** An option of `openReplica` is missing, unknown or of another type. */
  BAD_OPTION: { retry: false, remedy: 'correct the option that the message names' },
  /** The collection is not among those that this replica serves. */
  UNKNOWN_COLLECTION: { retry: false, remedy: 'declare the collection' },
  /** The collection cannot be followed exactly. */
  COLLECTION_NOT_EXACT: {
    retry: false,
    remedy: 'serve a plain collection without collation, cap or view, and without a slash in its name',
  },
  /** A document with such an id may be stored, but it is not part of the collection: nothing is known of it. */
  BAD_ID: { retry: false, remedy: "use ids in the one form that the collection's type has" },
  /** The database cannot be read now, and the answer is not held. */
  UNAVAILABLE: { retry: true, remedy: 'ask again after a moment; see the log for the cause' },
  /** The documents together are larger than one answer may be. */
  ANSWER_TOO_LARGE: { retry: false, remedy: 'ask for fewer documents at once' },
  /** Too many callers wait already. */
  TOO_MANY_WAITERS: { retry: true, remedy: 'ask again after a moment, or add replicas' },
  /** The caller gave up by its signal. */
  CANCELLED: { retry: false, remedy: 'nothing: the caller ended the call' },
  /** The replica was closed. */
  STOPPED: { retry: false, remedy: 'ask another replica' },
} as const satisfies Record<string, { retry: boolean; remedy: string }>

export type ReplicaErrorCode = keyof typeof failures

/** Why a read was not answered; `code` is for programs, the message says what was expected and what came. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError'
  readonly code: ReplicaErrorCode
  /** What was expected and what came, alone. */
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
