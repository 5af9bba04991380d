import { problems } from './problems.ts'
import type { ProblemCode } from './problems.ts'

/** One place in the request's body that is wrong. */
export interface ProblemPlace {
  /** JSON pointer (RFC 6901) into the body; empty for the whole. */
  readonly pointer: string
  readonly detail: string
}

/** What one case adds to its code. */
export interface ProblemOptions {
  /** What was got and what is wanted, in one sentence; never a driver's message, never other people's content. */
  readonly detail?: string
  /** A URI that names this one case, so that a log line can be found: `urn:uuid:…`. */
  readonly instance?: string
  readonly errors?: readonly ProblemPlace[]
  /** The document's id, where the client may not know it: a generated id whose write has an unknown outcome. */
  readonly id?: string
}

/** The JSON of an `application/problem+json` answer (RFC 9457). */
export interface ProblemBody extends ProblemOptions {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly retryable: boolean
}

/** Where a code is explained; the `type` of its problems. */
export function problemType(code: ProblemCode): string {
  return `https://freshet.dev/problems/${code}`
}

/** The body that a client gets for `code`: these members and no others. Members that were not given are left out. */
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

/** Headers and body members of a refusal. */
export interface RefusalOptions extends ProblemOptions {
  /** Headers that belong to the refusal: `Allow`, `WWW-Authenticate`, `Freshet-Position`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** A request that is answered with a problem. Throw it anywhere below a handler: the HTTP shell answers. */
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

  /** The status that it is answered with; frameworks look for it here. */
  get status(): number {
    return problems[this.code].status
  }
}
