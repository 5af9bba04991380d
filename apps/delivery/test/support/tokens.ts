import type { Tickets, TokenCheck, TokenClaims, TokenOutcome } from '../../src/index.ts'

/** Tokens that are JSON of what they claim; one without `sub` is invalid. Times are seconds since 1970. */
export function tokenOf(sub: string, claims: Partial<Omit<TokenClaims, 'sub'>> = {}): string {
  return JSON.stringify({ sub, ...claims })
}

/** Reads them by this clock. */
export class PlainTokens implements TokenCheck {
  readonly #wallMs: () => number
  /** What the next checks answer instead. */
  forced: TokenOutcome | undefined

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs
  }

  check(token: string): Promise<TokenOutcome> {
    return Promise.resolve(this.forced ?? this.#read(token))
  }

  #read(token: string): TokenOutcome {
    const nowSeconds = this.#wallMs() / 1_000
    try {
      const claims: Partial<TokenClaims> = JSON.parse(token)
      const { sub, expiresAt = nowSeconds + 3_600, issuedAt = nowSeconds - 1, groups = [] } = claims
      if (sub === undefined) return { kind: 'invalid' }
      return expiresAt <= nowSeconds
        ? { kind: 'expired' }
        : { kind: 'valid', claims: { sub, expiresAt, issuedAt, groups } }
    } catch {
      return { kind: 'invalid' }
    }
  }
}

/** Tickets that are good while the test lets them. */
export class PlainTickets implements Tickets {
  readonly #claims = new Map<string, TokenClaims>()
  expired = false

  issue(claims: TokenClaims): Promise<string> {
    const ticket = `ticket-${this.#claims.size}`
    this.#claims.set(ticket, claims)
    return Promise.resolve(ticket)
  }

  check(ticket: string): Promise<TokenOutcome> {
    const claims = this.#claims.get(ticket)
    if (!claims) return Promise.resolve({ kind: 'invalid' })
    return Promise.resolve(this.expired ? { kind: 'expired' } : { kind: 'valid', claims })
  }
}
