import { ConfigError } from '@freshet/kit'
import * as errors from 'jose/errors'
import { createLocalJWKSet } from 'jose/jwks/local'
import { createRemoteJWKSet, customFetch } from 'jose/jwks/remote'
import { jwtVerify } from 'jose/jwt/verify'
import type { CryptoKey, FetchImplementation, JWK, JWTPayload, JWTVerifyGetKey } from 'jose'
import { KeySetError, PUBLIC_KEY_ALGORITHMS, readPublicKeys, usableKeys } from './key-set.ts'
import type { ServiceConfig } from './options.ts'

/** Required claims of tokens. */
export interface TokenTerms {
  readonly issuer: string
  readonly audience: string
}

/** Verifies a token: signature, algorithm, issuer, audience, times. Rejects with an error of jose or of the network. */
export type TokenCheck = (token: string) => Promise<JWTPayload>

/** Allowed clock skew between the issuer and this machine, in seconds. */
export const CLOCK_TOLERANCE_S = 5

/** A set of 100 RSA keys with certificates takes some 300 KB. */
const MAX_KEY_SET_BYTES = 2 ** 20

const MIN_SECRET_BYTES = 32

export type TokenConfig = Pick<
  ServiceConfig,
  | 'host'
  | 'tokenSecret'
  | 'tokenPublicKeys'
  | 'tokenKeysUrl'
  | 'tokenIssuer'
  | 'tokenAudience'
  | 'tokenMaxDays'
  | 'noTokens'
>

/** The configured check. @throws {ConfigError} BAD_VALUE: the secret or the keys are not usable. */
export function checkOf({
  tokenSecret,
  tokenPublicKeys,
  tokenKeysUrl = '',
  ...config
}: TokenConfig): TokenCheck {
  const terms = { issuer: config.tokenIssuer, audience: config.tokenAudience }
  if (tokenPublicKeys !== undefined) return publicKeysCheck(publicKeysOf(tokenPublicKeys), terms)
  if (tokenSecret === undefined) return keySetCheck(tokenKeysUrl, terms)
  if (Buffer.byteLength(tokenSecret) < MIN_SECRET_BYTES)
    throw new ConfigError(
      'BAD_VALUE',
      `The token secret is too short; expected at least ${MIN_SECRET_BYTES} bytes.`,
    )
  return secretCheck(tokenSecret, terms)
}

function publicKeysOf(text: string): readonly JWK[] {
  try {
    return readPublicKeys(text)
  } catch (cause) {
    if (!(cause instanceof KeySetError)) throw cause
    throw new ConfigError(
      'BAD_VALUE',
      `The public keys for tokens are not usable; expected ${cause.expected}.`,
      {
        cause,
      },
    )
  }
}

/** Verifies tokens with a shared secret (HS256) of at least 32 bytes. */
export function secretCheck(secret: string, terms: TokenTerms): TokenCheck {
  // `jose` imports any other kind of key again for each token, which takes as long as the verification.
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = crypto.subtle.importKey('raw', Buffer.from(secret), algorithm, false, ['verify'])
  const options = { ...common(terms), algorithms: ['HS256'] }
  return async (token) => (await jwtVerify(token, await key, options)).payload
}

/** Verifies tokens with fixed public keys. */
export function publicKeysCheck(keys: readonly JWK[], terms: TokenTerms): TokenCheck {
  return checkBy(createLocalJWKSet({ keys: [...keys] }), terms)
}

/**
 * Verifies tokens with the JWKS at `url`, which is fetched on demand and cached for 10 minutes. Unknown keys trigger
 * another fetch.
 */
export function keySetCheck(url: string, terms: TokenTerms): TokenCheck {
  const options = { timeoutDuration: 5_000, cooldownDuration: 10_000, [customFetch]: fetchKeySet }
  return checkBy(createRemoteJWKSet(new URL(url), options), terms)
}

function checkBy(keys: JWTVerifyGetKey, terms: TokenTerms): TokenCheck {
  const options = { ...common(terms), algorithms: PUBLIC_KEY_ALGORITHMS }
  return async (token) => {
    try {
      return (await jwtVerify(token, keys, options)).payload
    } catch (error) {
      // The token has no key id, and several keys fit, as during a key rotation: try each.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
      const matches = (key: CryptoKey): Promise<JWTPayload> =>
        jwtVerify(token, key, options).then(({ payload }) => payload)
      return await firstMatch(error, matches)
    }
  }
}

/** Like `fetch`, for a JWKS of limited size; drops unusable keys. */
const fetchKeySet: FetchImplementation = async (url, options) => {
  const response = await fetch(url, options)
  if (response.status !== 200) {
    await response.body?.cancel()
    return response
  }
  return Response.json({ keys: usableKeys(JSON.parse(await textOf(response, MAX_KEY_SET_BYTES))) })
}

async function textOf({ body }: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    // Leaving the loop cancels the download.
    if (size > maxBytes) throw new KeySetError(`a key set of at most ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** @throws an error other than a bad signature, or that of the last key. */
async function firstMatch(
  keys: AsyncIterable<CryptoKey>,
  matches: (key: CryptoKey) => Promise<JWTPayload>,
): Promise<JWTPayload> {
  let last: unknown = new errors.JWKSNoMatchingKey()
  for await (const key of keys) {
    try {
      return await matches(key)
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      last = error
    }
  }
  throw last
}

function common({ issuer, audience }: TokenTerms) {
  return { issuer, audience, requiredClaims: ['exp', 'sub'], clockTolerance: CLOCK_TOLERANCE_S }
}
