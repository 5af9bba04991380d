/** The meaning of a problem code. */
export interface ProblemKind {
  readonly status: number
  /** The same for every occurrence of the code. */
  readonly title: string
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** What the client's developer should do, in one or two sentences. */
  readonly remedy: string
  /** Value of `Retry-After` in seconds, if the wait is known. */
  readonly retryAfterS?: number
}
