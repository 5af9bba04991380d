import { ConfigError, type Clock } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { JWTPayload } from 'jose'
import * as errors from 'jose/errors'
import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import type { Claims, Verifier } from './contract.ts'
import type { Need, Who } from './route-table.ts'
import { checkOf, CLOCK_TOLERANCE_S, type TokenCheck, type TokenConfig } from './token-check.ts'

/** Rejects every token. */
export const noTokens: Verifier = {
  verify: () => {
    throw new ProblemError('unauthenticated', { detail: 'This route table accepts no tokens.' })
  },
}

/**
 * Authorizes a request once its route is known. Route tables, upgrades and cached answers all call this. Returns the
 * claims of the token, or `undefined` for a public route.
 * @throws {ProblemError} unauthenticated, forbidden, unavailable; also as a rejection.
 */
export function authorize(
  need: Who | Need,
  tokens: Verifier,
  request: IncomingMessage,
): Claims | undefined | Promise<Claims> {
  const who = typeof need === 'string' ? need : need.who
  if (who === 'public') return undefined
  const why = typeof need === 'string' ? undefined : need.why
  const claims = verified(tokens, request.headers.authorization, why)
  if (who === 'authenticated') return claims
  const role = who.slice('role:'.length)
  const expectRole = (known: Claims): Claims => {
    if (known.roles.includes(role)) return known
    throw new ProblemError('forbidden', { detail: `Expected the role ${role} in the claim "roles".` })
  }
  return claims instanceof Promise ? claims.then(expectRole) : expectRole(claims)
}

function verified(
  tokens: Verifier,
  header: string | undefined,
  why: string | undefined,
): Claims | Promise<Claims> {
  try {
    return tokens.verify(header)
  } catch (error) {
    if (why === undefined || header !== undefined || !(error instanceof ProblemError)) throw error
    throw new ProblemError(error.code, { detail: why, headers: error.headers, cause: error })
  }
}

export interface TokenVerifierOptions {
  readonly check: TokenCheck
  /** Unix time in milliseconds, to compare with `exp`. */
  readonly wallMs: () => number
  /** Tokens that expire later than this are refused, because tokens cannot be revoked. */
  readonly maxDays: number
  /** The most cached tokens; the oldest is evicted. */
  readonly maxCached: number
}

interface CachedToken {
  readonly header: string
  readonly claims: Claims
  readonly untilMs: number
}

const DAY_MS = 86_400_000

/** Longer headers are not cached, so that the cache is bounded in bytes too. */
const MAX_CACHED_LENGTH = 4_096

/** With the flag `u`, a pair of surrogates is one character. */
const loneSurrogate = /\p{Surrogate}/u

/** A scheme ends at a space or at the end: https://www.rfc-editor.org/rfc/rfc9110#section-11.4 */
const bearerScheme = /^bearer(?: |$)/i
const bearer = /^bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i

/**
 * Verifies bearer tokens and caches valid ones until they expire. A cached token is used only if the whole header is
 * equal. Invalid tokens are not cached, as they would evict valid ones. Cached tokens outlive a withdrawn key, so issue
 * short-lived tokens.
 */
export class TokenVerifier implements Verifier {
  readonly #options: TokenVerifierOptions
  readonly #cached = new Map<number, CachedToken>()

  constructor(options: TokenVerifierOptions) {
    this.#options = options
  }

  verify(header: string | undefined): Claims | Promise<Claims> {
    if (header === undefined) throw unauthenticated('Expected an Authorization header.', undefined)
    const known = this.#cached.get(slotOf(header))
    if (known?.header === header && this.#options.wallMs() < known.untilMs) return known.claims
    return this.#verify(header)
  }

  async #verify(header: string): Promise<Claims> {
    if (!bearerScheme.test(header))
      throw unauthenticated('Expected "Authorization: Bearer <token>", got another scheme.', undefined)
    const token = bearer.exec(header)?.[1]
    if (token === undefined) throw invalid('Expected "Bearer" and a token with three parts.', undefined)
    const payload = await this.#check(token)
    const claims = claimsOf(payload)
    const untilMs = ((payload.exp ?? 0) + CLOCK_TOLERANCE_S) * 1_000
    const { maxDays, wallMs } = this.#options
    if (untilMs > wallMs() + maxDays * DAY_MS)
      throw invalid(`The token expires in more than ${maxDays} days.`, undefined)
    this.#cache({ header, claims, untilMs })
    return claims
  }

  async #check(token: string): Promise<JWTPayload> {
    try {
      return await this.#options.check(token)
    } catch (cause) {
      throw refusal(cause)
    }
  }

  #cache(entry: CachedToken): void {
    if (entry.header.length > MAX_CACHED_LENGTH) return
    this.#cached.set(slotOf(entry.header), entry)
    if (this.#cached.size <= this.#options.maxCached) return
    const [oldest] = this.#cached.keys()
    if (oldest !== undefined) this.#cached.delete(oldest)
  }
}

/**
 * The cache slot of a header: thirty bits from the end of the signature, which are as good as random, so collisions are
 * rare; the newer token wins. Using the header itself as the Map key would hash all of it for every request, because
 * each is a new string: 440 ns instead of 40 for 300 characters.
 */
function slotOf(header: string): number {
  const end = header.length
  // The last character of a signature encodes few bits.
  let place = 0
  for (let back = 2; back <= 6; back++) place = (place << 6) | (header.charCodeAt(end - back) & 63)
  return place
}

function claimsOf({ sub, roles, groups, exp = 0, iat = 0, freshet_handlers: handlers }: JWTPayload): Claims {
  if (typeof sub !== 'string' || sub === '')
    throw invalid('The claim "sub" must be a non-empty string.', undefined)
  // Hashes and databases encode strings as UTF-8, where all of them become U+FFFD: two subjects would be one.
  if (loneSurrogate.test(sub))
    throw invalid('The claim "sub" must be Unicode text; it has a lone surrogate.', undefined)
  return Object.freeze({
    sub,
    roles: Object.freeze(textsIn(roles)),
    handlers: Object.freeze(handlersIn(handlers)),
    groups: Object.freeze(textsIn(groups)),
    expiresAt: exp,
    issuedAt: iat,
  })
}

/** Claims stay in memory as long as their token, for each client. */
const NONE: readonly string[] = Object.freeze([])

/** Malformed roles or groups count as none: only routes that need one refuse the token. */
function textsIn(claim: unknown): readonly string[] {
  if (!Array.isArray(claim) || !claim.every((text) => typeof text === 'string')) return NONE
  return claim.length === 0 ? NONE : [...claim]
}

/** Malformed handlers are an error: ignoring them would let a service write without a cause. */
function handlersIn(claim: unknown = []): readonly string[] {
  const names = typeof claim === 'string' ? claim.split(' ').filter((name) => name !== '') : claim
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw invalid('The claim "freshet_handlers" must be an array of strings.', undefined)
  return names.length === 0 ? NONE : [...names]
}

/** Classes and codes: https://github.com/panva/jose/blob/main/docs/util/errors/README.md */
function refusal(cause: unknown): ProblemError {
  if (cause instanceof errors.JWTExpired) return invalid('The token has expired.', cause)
  if (cause instanceof errors.JWTClaimValidationFailed)
    return invalid(`The claim ${JSON.stringify(cause.claim)} of the token is missing or wrong.`, cause)
  if (cause instanceof errors.JOSEAlgNotAllowed)
    return invalid('The algorithm of the token is not allowed.', cause)
  if (cause instanceof errors.JWSSignatureVerificationFailed || cause instanceof errors.JWKSNoMatchingKey)
    return invalid('The token is not signed by a known key.', cause)
  if (cause instanceof errors.JWSInvalid || cause instanceof errors.JWTInvalid)
    return invalid('The token is malformed.', cause)
  if (cause instanceof errors.JOSENotSupported)
    return invalid('The token uses an unsupported feature.', cause)
  // The remaining errors come from fetching the keys; the token may be valid.
  return new ProblemError('unavailable', {
    detail: 'The keys for tokens cannot be fetched.',
    cause,
  })
}

/** Whether a verifier rejected a token only because it has expired: everything else about it is right. */
export function isExpired(error: unknown): boolean {
  return error instanceof ProblemError && error.cause instanceof errors.JWTExpired
}

/** RFC 6750, 3.1: no error code if the request has no bearer token. */
function unauthenticated(detail: string, cause: unknown, challenge = 'Bearer'): ProblemError {
  return new ProblemError('unauthenticated', { detail, headers: { 'www-authenticate': challenge }, cause })
}

function invalid(detail: string, cause: unknown): ProblemError {
  return unauthenticated(detail, cause, 'Bearer error="invalid_token"')
}

/** Treats every request as the same anonymous caller. */
class AnonymousVerifier implements Verifier {
  readonly #claims: Claims = Object.freeze({
    sub: 'anybody',
    roles: Object.freeze([]),
    handlers: 'all',
    groups: Object.freeze([]),
    expiresAt: Infinity,
    issuedAt: 0,
  })

  verify(): Claims {
    return this.#claims
  }
}

const MAX_CACHED_TOKENS = 10_000

/**
 * Creates the configured verifier. Exactly one of a secret, public keys, a key set or `--no-tokens` is required; the
 * last only on loopback addresses. @throws {ConfigError} CONFLICT or BAD_VALUE.
 */
export function createVerifier(config: TokenConfig, clock: Clock): Verifier {
  const { host, tokenSecret, tokenPublicKeys, tokenKeysUrl, noTokens } = config
  const sources = [tokenSecret, tokenPublicKeys, tokenKeysUrl, noTokens || undefined]
  const given = sources.filter((source) => source !== undefined).length
  if (given !== 1)
    throw new ConfigError(
      'CONFLICT',
      `Expected one of --token-secret-file, --token-public-keys-file, --token-keys-url and --no-tokens; got ${given}.`,
    )
  if (noTokens && !isLoopback(host))
    throw new ConfigError(
      'CONFLICT',
      `--no-tokens requires a loopback address; --host is ${JSON.stringify(host)}.`,
    )
  if (noTokens) return new AnonymousVerifier()
  return new TokenVerifier({
    check: checkOf(config),
    wallMs: () => clock.wallMs(),
    maxDays: config.tokenMaxDays,
    maxCached: MAX_CACHED_TOKENS,
  })
}

/** Whether an address is reachable from this machine only. Names other than `localhost` may resolve to anything. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
