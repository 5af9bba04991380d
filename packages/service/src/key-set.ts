import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import type { JWK } from 'jose'

/** Accepted asymmetric signature algorithms. */
export const PUBLIC_KEY_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']

/** The most keys of one set. A token without a key id is tried with each, so this bounds its cost too. */
const MAX_KEYS = 100

/** https://datatracker.ietf.org/doc/html/rfc7518#section-3.3 */
const MIN_RSA_BITS = 2_048

/** An unusable key set; `expected` completes the sentence "expected …". */
export class KeySetError extends Error {
  override readonly name = 'KeySetError'
  readonly expected: string

  constructor(expected: string, options?: ErrorOptions) {
    super(`Expected ${expected}.`, options)
    this.expected = expected
  }
}

/**
 * The usable keys of a JWKS (RFC 7517). Others are ignored, as section 5 asks: other types, RSA below 2,048 bits,
 * malformed. @throws {KeySetError} not a JWKS, or too many keys.
 */
export function usableKeys(jwks: unknown): readonly JWK[] {
  const keys = isObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys)) throw new KeySetError('a JWKS: an object with the member "keys"')
  if (keys.length > MAX_KEYS) throw new KeySetError(`at most ${MAX_KEYS} keys; got ${keys.length}`)
  return keys.flatMap((jwk: unknown) => (isObject(jwk) && isUsable(jwk) ? [jwk] : []))
}

/**
 * Parses the public keys of an operator: a JWKS, or PEM blocks. Here an unusable key is an error. @throws {KeySetError}
 */
export function readPublicKeys(text: string): readonly JWK[] {
  const all = text.trimStart().startsWith('{') ? keysIn(text) : pemBlocks(text).map(jwkOfPem)
  if (all.some((jwk) => 'd' in jwk || jwk.kty === 'oct'))
    throw new KeySetError('public keys only; anyone with a private key can sign tokens')
  if (all.length === 0 || usableKeys({ keys: all }).length < all.length)
    throw new KeySetError(`RSA keys of at least ${MIN_RSA_BITS} bits, P-256 keys or Ed25519 keys`)
  return all
}

function keysIn(text: string): readonly JWK[] {
  try {
    const { keys }: { keys?: unknown } = JSON.parse(text)
    if (Array.isArray(keys)) return keys.filter(isObject)
  } catch (cause) {
    throw new KeySetError('a JWKS or PEM blocks', { cause })
  }
  throw new KeySetError('a JWKS: an object with the member "keys"')
}

function pemBlocks(text: string): readonly string[] {
  if (text.includes('PRIVATE KEY-----'))
    throw new KeySetError('public keys only; anyone with a private key can sign tokens')
  return text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? []
}

function jwkOfPem(pem: string): JWK {
  try {
    return createPublicKey(pem).export({ format: 'jwk' })
  } catch (cause) {
    throw new KeySetError('PEM blocks "PUBLIC KEY"', { cause })
  }
}

function isUsable(jwk: JWK & JsonWebKey): boolean {
  let key: KeyObject
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    // Malformed, or unknown to this version of OpenSSL.
    return false
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= MIN_RSA_BITS
  return type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
