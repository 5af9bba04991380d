/** What a code of a {@link CodedError} means. */
export interface Failure {
  /** Whether the same call may succeed later. */
  readonly retry: boolean
  /** The exit code of a process that cannot start because of this (sysexits.h). */
  readonly exitCode: number
  /** What to do, in one sentence. */
  readonly remedy: string
}

/** An error whose code has a row in a table of failures. The message starts with the code. */
export abstract class CodedError<Code extends string> extends Error {
  readonly code: Code
  readonly #failure: Failure

  constructor(code: Code, failure: Failure, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options)
    this.code = code
    this.#failure = failure
  }

  /** Whether the same call may succeed later. */
  get retry(): boolean {
    return this.#failure.retry
  }

  /** What to do, in one sentence. */
  get remedy(): string {
    return this.#failure.remedy
  }

  /** The exit code of a process that cannot start because of this. */
  get exitCode(): number {
    return this.#failure.exitCode
  }
}
