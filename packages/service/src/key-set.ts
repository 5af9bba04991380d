import { createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import type { JWK } from 'jose'

/** The algorithms that tokens may be signed with by a private key. */
export const PUBLIC_KEY_ALGORITHMS = ['RS256', 'ES256', 'EdDSA']

/** Keys of one set; a token that names no key is tried with each, so it bounds what such a token costs too. */
const MAX_KEYS = 100

/** https://datatracker.ietf.org/doc/html/rfc7518#section-3.3 */
const MIN_RSA_BITS = 2_048

/** A key set that nothing can be verified with; `wants` completes the sentence "…; it wants". */
export class KeySetError extends Error {
  override readonly name = 'KeySetError'
  readonly wants: string

  constructor(wants: string, options?: ErrorOptions) {
    super(`Expected ${wants}.`, options)
    this.wants = wants
  }
}

/**
 * The keys of a JWKS (RFC 7517) that these algorithms can use. Others are left out, as that RFC asks for in section 5:
 * of another type, RSA below 2,048 bits, malformed. @throws {KeySetError} no JWKS, or too many keys.
 */
export function usableKeys(jwks: unknown): readonly JWK[] {
  const keys = isObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys)) throw new KeySetError('a JWKS: an object with the member "keys"')
  if (keys.length > MAX_KEYS) throw new KeySetError(`at most ${MAX_KEYS} keys; got ${keys.length}`)
  return keys.flatMap((jwk: unknown) => (isObject(jwk) && isUsable(jwk) ? [jwk] : []))
}

/**
 * Reads what an operator gives as public keys: a JWKS, or one or more PEM blocks. Here nothing is left out: a key that
 * cannot be used is a mistake. @throws {KeySetError}
 */
export function readPublicKeys(text: string): readonly JWK[] {
  const all = text.trimStart().startsWith('{') ? keysIn(text) : pemBlocks(text).map(jwkOfPem)
  if (all.some((jwk) => 'd' in jwk || jwk.kty === 'oct'))
    throw new KeySetError('public keys alone: whoever has a private key can sign tokens')
  if (all.length === 0 || usableKeys({ keys: all }).length < all.length)
    throw new KeySetError(`keys of RSA with ${MIN_RSA_BITS} bits or more, of P-256 or of Ed25519`)
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
    throw new KeySetError('public keys alone: whoever has a private key can sign tokens')
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
    // Of a type that this version of OpenSSL does not know, or malformed.
    return false
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= MIN_RSA_BITS
  return type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
