import { matchesStrong, matchesWeak, ProblemError, readCondition, type Condition } from '@freshet/protocol'
import type { IncomingHttpHeaders } from 'node:http'

/** What a client demands of the stored version (RFC 9110, 13). */
export class Preconditions {
  readonly #ifMatch: Condition | undefined
  readonly #ifNoneMatch: Condition | undefined

  /** @throws {ProblemError} bad-header */
  constructor(headers: IncomingHttpHeaders) {
    this.#ifMatch = read(headers, 'if-match')
    this.#ifNoneMatch = read(headers, 'if-none-match')
  }

  /** There are none: any version will do, and none too. */
  get none(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch === undefined
  }

  /** Nothing may be stored, and that is all. */
  get createOnly(): boolean {
    return this.#ifMatch === undefined && this.#ifNoneMatch?.any === true
  }

  /** Whether all hold for a version; `undefined` says that nothing is stored. */
  hold(etag: string | undefined): boolean {
    if (this.#ifMatch && !matchesStrong(this.#ifMatch, etag)) return false
    return !(this.#ifNoneMatch && matchesWeak(this.#ifNoneMatch, etag))
  }
}

function read(headers: IncomingHttpHeaders, name: 'if-match' | 'if-none-match'): Condition | undefined {
  const header = headers[name]
  if (header === undefined) return undefined
  const condition = readCondition(header)
  if (condition) return condition
  throw new ProblemError('bad-header', { detail: `Expected * or a list of entity tags in ${name}.` })
}
