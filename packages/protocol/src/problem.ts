import { clientProblems } from './client-problems.ts'
import { serverProblems } from './server-problems.ts'

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

/** All problems of Freshet's services. `docs/problems.md` is generated from this table. */
export const problems = { ...clientProblems, ...serverProblems } as const

/** The name of a problem; the last part of its `type`. */
export type ProblemCode = keyof typeof problems

/** One error in the request's body. */
export interface ProblemPlace {
  /** JSON pointer (RFC 6901) into the body; empty for the whole body. */
  readonly pointer: string
  readonly detail: string
}

/** Details of one occurrence. */
export interface ProblemOptions {
  /** What was received and expected, in one sentence. Never contains driver messages or other users' data. */
  readonly detail?: string
  /** A URI for this occurrence, to find its log entry: `urn:uuid:…`. */
  readonly instance?: string
  readonly errors?: readonly ProblemPlace[]
  /** The document's id if the client may not know it: a generated id whose write has an unknown outcome. */
  readonly id?: string
}

/** The JSON of an `application/problem+json` answer (RFC 9457). */
export interface ProblemBody extends ProblemOptions {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly retryable: boolean
}

/** The documentation URL of a code; the `type` of its problems. */
export function problemType(code: ProblemCode): string {
  return `https://freshet.dev/problems/${code}`
}

/** The response body for `code`. Contains only these members; undefined ones are omitted. */
export function problemBody(code: ProblemCode, options: ProblemOptions = {}): ProblemBody {
  const { status, title, retryable } = problems[code]
  const { detail, instance, errors, id } = options
  return {
    type: problemType(code),
    title,
    status,
    ...(detail !== undefined && { detail }),
    ...(instance !== undefined && { instance }),
    ...(id !== undefined && { id }),
    ...(errors !== undefined && { errors }),
    retryable,
  }
}

/** Headers and body members of an error response. */
export interface RefusalOptions extends ProblemOptions {
  /** Headers of the response: `Allow`, `WWW-Authenticate`, `Freshet-Position`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** An error that becomes a problem response. Throw it anywhere below a handler; the HTTP layer responds. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly options: ProblemOptions
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, { headers = {}, cause, ...options }: RefusalOptions = {}) {
    super(`${code}: ${options.detail ?? problems[code].title}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.options = options
    this.headers = headers
  }

  /** The HTTP status; frameworks look for it here. */
  get status(): number {
    return problems[this.code].status
  }
}
