import type { Claims, Verifier } from '@freshet/service'

/** Who may read a collection: everybody, or everybody with a valid token. */
export type ReadAccess = 'public' | 'authenticated'

/** Lets requests through to the collections that there are. */
export class Readers {
  readonly #accessOf: ReadonlyMap<string, ReadAccess>
  readonly #tokens: Verifier

  constructor(accessOf: ReadonlyMap<string, ReadAccess>, tokens: Verifier) {
    this.#accessOf = accessOf
    this.#tokens = tokens
  }

  has(collection: string): boolean {
    return this.#accessOf.has(collection)
  }

  /**
   * Nothing when the collection may be read; a promise when the token has not been seen before. Two look-ups at most.
   * @throws {ProblemError} unauthenticated, unavailable; also as a rejection.
   */
  admit(collection: string, authorization: string | undefined): undefined | Promise<Claims> {
    if (this.#accessOf.get(collection) === 'public') return undefined
    const claims = this.#tokens.verify(authorization)
    return claims instanceof Promise ? claims : undefined
  }
}
