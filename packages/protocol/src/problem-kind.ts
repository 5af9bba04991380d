/** What a problem code means to a client. */
export interface ProblemKind {
  readonly status: number
  /** The same for every case of the code. */
  readonly title: string
  /** The same request may succeed later without a change. */
  readonly retryable: boolean
  /** What the client's author does about it; one or two sentences. */
  readonly remedy: string
  /** Seconds for `Retry-After`, where the server can name a wait. */
  readonly retryAfterS?: number
}
