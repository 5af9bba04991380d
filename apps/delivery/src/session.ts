import type { Clock } from '@freshet/kit'
import type { TokenClaims } from './contract.ts'
import type { Hub } from './hub.ts'
import type { Offset } from './offset.ts'
import type { CloseCode } from './protocol/codes.ts'
import type { Publication } from './publication.ts'
import type { TimerWheel, WheelTimer } from './timer-wheel.ts'
import type { Member, UserEntry } from './user-entry.ts'

/** Where the publications of a session go. */
export interface Outlet {
  publication(publication: Publication): void
  /** Closes the client's connection. */
  end(code: CloseCode): void
}

/** What all sessions share. */
export interface SessionTools {
  readonly hub: Hub
  readonly wheel: TimerWheel
  readonly clock: Pick<Clock, 'wallMs'>
  /** The time after the expiry of a token in which it can still be refreshed. */
  readonly graceMs: number
}

/** What one session is made of. */
export interface SessionParts {
  readonly entry: UserEntry
  readonly claims: TokenClaims
  /** The client has everything up to here once it has the connect reply. */
  readonly offset: Offset
  readonly outlet: Outlet
}

/** An authenticated client, until it disconnects or its token expires or is revoked. The constructor joins the hub. */
export class Session implements Member {
  readonly entry: UserEntry
  readonly #tools: SessionTools
  readonly #outlet: Outlet
  #claims: TokenClaims
  #offset: Offset
  #expiry: WheelTimer | undefined
  #over = false

  constructor(tools: SessionTools, { entry, claims, offset, outlet }: SessionParts) {
    this.entry = entry
    this.#tools = tools
    this.#outlet = outlet
    this.#claims = claims
    this.#offset = offset
    tools.hub.join(entry, this)
    this.#watchExpiry()
  }

  get groups(): readonly string[] {
    return this.#claims.groups
  }

  get issuedAt(): number {
    return this.#claims.issuedAt
  }

  /** The last offset sent to the client. */
  get offset(): Offset {
    return this.#offset
  }

  /** Whole seconds until the token expires, 1 or more. */
  get ttlSeconds(): number {
    return Math.max(1, Math.floor(this.#claims.expiresAt - this.#tools.clock.wallMs() / 1_000))
  }

  push(publication: Publication): boolean {
    if (publication.offset <= this.#offset || this.#over) return false
    this.#offset = publication.offset
    this.#outlet.publication(publication)
    return true
  }

  /** Replaces the token. Ends the session if the new one is revoked or of another user. */
  renew(claims: TokenClaims): void {
    const { entry } = this
    const { hub } = this.#tools
    if (this.#over) return
    if (claims.sub !== entry.user || claims.issuedAt < entry.notBefore) return this.end('invalidToken')
    hub.leave(entry, this)
    this.#claims = claims
    hub.join(entry, this)
    this.#watchExpiry()
  }

  /** Leaves the hub and closes the connection. Idempotent. */
  end(code: CloseCode): void {
    if (this.#over) return
    this.close()
    this.#outlet.end(code)
  }

  /** Leaves the hub; the connection is already closed. Idempotent. */
  close(): void {
    if (this.#over) return
    this.#over = true
    const { entry } = this
    const { hub, wheel } = this.#tools
    wheel.cancel(this.#expiry)
    hub.leave(entry, this)
    hub.release(entry)
  }

  #watchExpiry(): void {
    const { wheel, clock, graceMs } = this.#tools
    wheel.cancel(this.#expiry)
    const leftMs = this.#claims.expiresAt * 1_000 - clock.wallMs()
    this.#expiry = wheel.set(Math.max(0, leftMs) + graceMs, () => this.end('expired'))
  }
}
