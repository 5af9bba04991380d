import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'

/** What a token is to say. */
export interface TokenContent {
  readonly subject: string
  readonly roles: readonly string[]
  /** Services whose handlers of changes the bearer writes for; the claim is left out when there is none. */
  readonly handlers?: readonly string[]
  readonly issuer: string
  readonly audience: string
  readonly forMs: number
}

/**
 * Signs a token, valid from now on: with a private key (Ed25519, P-256, RSA), or with the secret that services share
 * (HS256). @throws {TypeError} a key of another type.
 */
export function signToken(key: KeyObject, content: TokenContent): Promise<string> {
  const nowS = Math.floor(Date.now() / 1_000)
  const { handlers = [] } = content
  const forHandlers = handlers.length > 0 ? { freshet_handlers: [...handlers] } : {}
  return new SignJWT({ roles: [...content.roles], ...forHandlers })
    .setProtectedHeader({ alg: algorithmOf(key) })
    .setSubject(content.subject)
    .setIssuer(content.issuer)
    .setAudience(content.audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + Math.ceil(content.forMs / 1_000))
    .sign(key)
}

/** https://datatracker.ietf.org/doc/html/rfc7518#section-3.1; EdDSA: RFC 8037. */
function algorithmOf({ type, asymmetricKeyType }: KeyObject): string {
  if (type === 'secret') return 'HS256'
  const algorithms: Readonly<Record<string, string>> = { ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' }
  const algorithm = algorithms[asymmetricKeyType ?? '']
  if (algorithm === undefined) throw new TypeError(`a key of type ${asymmetricKeyType} signs no token`)
  return algorithm
}
