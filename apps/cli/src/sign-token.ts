import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose/jwt/sign'

/** Claims of a token. */
export interface TokenContent {
  readonly subject: string
  readonly roles: readonly string[]
  /** Groups whose messages the bearer receives and reads. If empty, the claim is omitted. */
  readonly groups?: readonly string[]
  /** Services whose change handlers the bearer writes for. If empty, the claim is omitted. */
  readonly handlers?: readonly string[]
  readonly issuer: string
  readonly audience: string
  readonly forMs: number
}

/**
 * Signs a token with a private key (Ed25519, P-256, RSA) or with a shared secret (HS256). @throws {TypeError} for other key
 * types.
 */
export function signToken(key: KeyObject, content: TokenContent): Promise<string> {
  const nowS = Math.floor(Date.now() / 1_000)
  const { groups = [], handlers = [] } = content
  return new SignJWT({
    roles: [...content.roles],
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(handlers.length > 0 && { freshet_handlers: [...handlers] }),
  })
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
  if (algorithm === undefined) throw new TypeError(`keys of type ${asymmetricKeyType} cannot sign tokens`)
  return algorithm
}
