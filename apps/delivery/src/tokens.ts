import type { Clock } from '@freshet/kit'
import { isUser } from '@freshet/messages'
import { ProblemError } from '@freshet/protocol'
import { isExpired, type Verifier } from '@freshet/service'
import { JWTExpired } from 'jose/errors'
import { SignJWT } from 'jose/jwt/sign'
import { jwtVerify } from 'jose/jwt/verify'
import type { Tickets, TokenCheck, TokenClaims, TokenOutcome } from './contract.ts'

/** Without tokens nothing expires; SDKs still want to know when to refresh. */
const ANONYMOUS_S = 86_400

/** How far clocks may differ. A token that was issued later than now would outlive revocations. */
const CLOCK_TOLERANCE_S = 60

/** Checks tokens with the verifier of the service, like every other request; the subject must be the name of a user. */
export class VerifiedTokens implements TokenCheck {
  readonly #verifier: Verifier
  readonly #clock: Pick<Clock, 'wallMs'>

  constructor(verifier: Verifier, clock: Pick<Clock, 'wallMs'>) {
    this.#verifier = verifier
    this.#clock = clock
  }

  async check(token: string): Promise<TokenOutcome> {
    try {
      const claims = await this.#verifier.verify(`Bearer ${token}`)
      const nowS = Math.floor(this.#clock.wallMs() / 1_000)
      if (!isUser(claims.sub) || claims.issuedAt > nowS + CLOCK_TOLERANCE_S) return { kind: 'invalid' }
      if (Number.isFinite(claims.expiresAt)) return { kind: 'valid', claims }
      return { kind: 'valid', claims: { ...claims, expiresAt: nowS + ANONYMOUS_S } }
    } catch (error) {
      if (isExpired(error)) return { kind: 'expired' }
      const refused = error instanceof ProblemError && error.code === 'unauthenticated'
      return { kind: refused ? 'invalid' : 'unavailable' }
    }
  }
}

/** Long enough to open the stream, too short to be worth stealing from a log. */
const TICKET_S = 30
const AUDIENCE = 'sse'
const ALGORITHM = 'HS256'

/** Tickets as JWTs with a secret that all instances share, so that each is good at every instance. */
export class SignedTickets implements Tickets {
  readonly #key: Uint8Array
  readonly #clock: Pick<Clock, 'wallMs'>

  constructor(secret: string, clock: Pick<Clock, 'wallMs'>) {
    this.#key = new TextEncoder().encode(secret)
    this.#clock = clock
  }

  issue({ sub, ...token }: TokenClaims): Promise<string> {
    const expiresAt = Math.floor(this.#clock.wallMs() / 1_000) + TICKET_S
    return new SignJWT({ token })
      .setProtectedHeader({ alg: ALGORITHM })
      .setSubject(sub)
      .setAudience(AUDIENCE)
      .setExpirationTime(Math.min(expiresAt, Math.floor(token.expiresAt)))
      .sign(this.#key)
  }

  async check(ticket: string): Promise<TokenOutcome> {
    try {
      const { payload } = await jwtVerify(ticket, this.#key, {
        algorithms: [ALGORITHM],
        audience: AUDIENCE,
        requiredClaims: ['sub', 'exp'],
        currentDate: new Date(this.#clock.wallMs()),
      })
      const claims = claimsIn(payload.sub, payload['token'])
      return claims ? { kind: 'valid', claims } : { kind: 'invalid' }
    } catch (error) {
      return { kind: error instanceof JWTExpired ? 'expired' : 'invalid' }
    }
  }
}

/** What `issue` has signed. */
function claimsIn(sub: string | undefined, token: unknown): TokenClaims | undefined {
  if (sub === undefined || typeof token !== 'object' || token === null) return undefined
  const { expiresAt, issuedAt, groups }: Partial<Record<keyof TokenClaims, unknown>> = token
  if (typeof expiresAt !== 'number' || typeof issuedAt !== 'number' || !Array.isArray(groups))
    return undefined
  return { sub, expiresAt, issuedAt, groups: groups.map(String) }
}
