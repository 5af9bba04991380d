import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const MIN_SECRET_BYTES = 32

/** Generates a private key for tokens (Ed25519, PKCS #8 PEM). */
export function newTokenKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The public half of a private key in PEM, as a JWKS for services: it can verify tokens but not sign them. */
export function publicKeysOf(privateKeyPem: string): string {
  return JSON.stringify({ keys: [createPublicKey(privateKeyPem).export({ format: 'jwk' })] })
}

/** Parses a private key in PEM. `undefined` if it is invalid. */
export function privateKeyIn(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

/** A shared secret. `undefined` if it is shorter than services accept. */
export function sharedSecretIn(text: string): KeyObject | undefined {
  return Buffer.byteLength(text) < MIN_SECRET_BYTES ? undefined : createSecretKey(Buffer.from(text))
}
