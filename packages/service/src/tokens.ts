import { ProblemError } from '@freshet/protocol'
import { errors } from 'jose'
import type { JWTPayload } from 'jose'
import type { Claims, Verifier } from './contract.ts'
import { CLOCK_TOLERANCE_S } from './token-check.ts'
import type { TokenCheck } from './token-check.ts'

/** What a token verifier is made of. */
export interface TokenVerifierOptions {
  readonly check: TokenCheck
  /** Milliseconds since 1970: the `exp` of tokens is a date. */
  readonly wallMs: () => number
  /** A token that expires in more days than that is refused: nobody could take it back. */
  readonly maxDays: number
  /** The most tokens that are remembered; the oldest is forgotten first. */
  readonly maxRemembered: number
}

interface Remembered {
  readonly header: string
  readonly claims: Claims
  readonly untilMs: number
}

const DAY_MS = 86_400_000

/** Longer headers are verified each time, so that what is remembered has a bound in bytes too. */
const MAX_REMEMBERED_LENGTH = 4_096

/** Schemes end with a space or with the header: https://www.rfc-editor.org/rfc/rfc9110#section-11.4 */
const bearerScheme = /^bearer(?: |$)/i
const bearer = /^bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i

/**
 * Verifies bearer tokens and remembers those that were good until they expire. A header is the remembered one only when
 * all of it is equal. Bad ones are not remembered: they would push out good ones. A key that is withdrawn counts for
 * tokens seen before until they expire, so let tokens be short-lived.
 */
export class TokenVerifier implements Verifier {
  readonly #options: TokenVerifierOptions
  readonly #remembered = new Map<number, Remembered>()

  constructor(options: TokenVerifierOptions) {
    this.#options = options
  }

  verify(header: string | undefined): Claims | Promise<Claims> {
    if (header === undefined) throw unauthenticated('Expected an Authorization header.', undefined)
    const known = this.#remembered.get(placeOf(header))
    if (known?.header === header && this.#options.wallMs() < known.untilMs) return known.claims
    return this.#prove(header)
  }

  async #prove(header: string): Promise<Claims> {
    if (!bearerScheme.test(header))
      throw unauthenticated('Expected "Authorization: Bearer <token>", got another scheme.', undefined)
    const token = bearer.exec(header)?.[1]
    if (token === undefined) throw invalid('Expected "Bearer" and a token of three parts.', undefined)
    const payload = await this.#check(token)
    const claims = claimsOf(payload)
    const untilMs = ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1_000
    const { maxDays, wallMs } = this.#options
    if (untilMs > wallMs() + maxDays * DAY_MS)
      throw invalid(`The token expires in more than ${maxDays} days.`, undefined)
    this.#remember({ header, claims, untilMs })
    return claims
  }

  async #check(token: string): Promise<JWTPayload> {
    try {
      return await this.#options.check(token)
    } catch (cause) {
      throw refusal(cause)
    }
  }

  #remember(entry: Remembered): void {
    if (entry.header.length > MAX_REMEMBERED_LENGTH) return
    this.#remembered.set(placeOf(entry.header), entry)
    if (this.#remembered.size <= this.#options.maxRemembered) return
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }
}

/**
 * Thirty bits from the end of the signature, which are as good as random, so that two tokens seldom share a place; the
 * newer one takes it. A Map by the header itself would hash all of its characters, as each request brings a new string:
 * 440 ns instead of 40 for a header of 300.
 */
function placeOf(header: string): number {
  const end = header.length
  // The last character of a signature carries few bits.
  let place = 0
  for (let back = 2; back <= 6; back++) place = (place << 6) | (header.charCodeAt(end - back) & 63)
  return place
}

/** Roles in another form than an array of texts are no roles: a rule that asks for one refuses, the others do not care. */
function claimsOf({ sub, roles, freshet_handlers: handlers }: JWTPayload): Claims {
  if (typeof sub !== 'string' || sub === '') throw invalid('The claim "sub" must be a text.', undefined)
  const texts = Array.isArray(roles) && roles.every((role) => typeof role === 'string') ? [...roles] : []
  return Object.freeze({
    sub,
    roles: Object.freeze(texts),
    handlers: Object.freeze(handlersIn(handlers)),
  })
}

/** What is of another form is refused: a service that is no longer known as one would write without its cause. */
function handlersIn(claim: unknown = []): readonly string[] {
  const names = typeof claim === 'string' ? claim.split(' ').filter((name) => name !== '') : claim
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw invalid('The claim "freshet_handlers" must be an array of texts.', undefined)
  return [...names]
}

/** Classes and codes: https://github.com/panva/jose/blob/main/docs/util/errors/README.md */
function refusal(cause: unknown): ProblemError {
  if (cause instanceof errors.JWTExpired) return invalid('The token has expired.', cause)
  if (cause instanceof errors.JWTClaimValidationFailed)
    return invalid(`The claim ${JSON.stringify(cause.claim)} of the token is missing or wrong.`, cause)
  if (cause instanceof errors.JOSEAlgNotAllowed)
    return invalid('The algorithm of the token is not allowed.', cause)
  if (cause instanceof errors.JWSSignatureVerificationFailed || cause instanceof errors.JWKSNoMatchingKey)
    return invalid('The signature of the token is not by a key that is known here.', cause)
  if (cause instanceof errors.JWSInvalid || cause instanceof errors.JWTInvalid)
    return invalid('The token is malformed.', cause)
  if (cause instanceof errors.JOSENotSupported)
    return invalid('The token uses something that is not supported.', cause)
  // What is left comes from fetching the keys: the token may be good.
  return new ProblemError('unavailable', {
    detail: 'The keys that tokens are signed with cannot be fetched.',
    cause,
  })
}

/** RFC 6750, 3.1: no error code when the request has no bearer token at all. */
function unauthenticated(detail: string, cause: unknown, challenge = 'Bearer'): ProblemError {
  return new ProblemError('unauthenticated', { detail, headers: { 'www-authenticate': challenge }, cause })
}

function invalid(detail: string, cause: unknown): ProblemError {
  return unauthenticated(detail, cause, 'Bearer error="invalid_token"')
}
