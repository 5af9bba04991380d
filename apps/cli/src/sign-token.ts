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

/** Signs a token for the services that share `secret` (HS256). Valid from now on. */
export function signToken(secret: string, content: TokenContent): Promise<string> {
  const nowS = Math.floor(Date.now() / 1_000)
  const { handlers = [] } = content
  const forHandlers = handlers.length > 0 ? { freshet_handlers: [...handlers] } : {}
  return new SignJWT({ roles: [...content.roles], ...forHandlers })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(content.subject)
    .setIssuer(content.issuer)
    .setAudience(content.audience)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + Math.ceil(content.forMs / 1_000))
    .sign(new TextEncoder().encode(secret))
}
