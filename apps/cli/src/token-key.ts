import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const MIN_SECRET_BYTES = 32

/** A new key for tokens (Ed25519), as PEM (PKCS #8). */
export function newTokenKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** What the services get of a private key in PEM: a JWKS with its public half, which verifies tokens and signs none. */
export function publicKeysOf(privateKeyPem: string): string {
  return JSON.stringify({ keys: [createPublicKey(privateKeyPem).export({ format: 'jwk' })] })
}

/** A private key in PEM. Nothing when it is none. */
export function privateKeyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

/** The secret of services that share one. Nothing when it is shorter than they take. */
export function sharedSecretIn(text: string): KeyObject | undefined {
  return Buffer.byteLength(text) < MIN_SECRET_BYTES ? undefined : createSecretKey(Buffer.from(text))
}
