import type { Clock } from '@freshet/kit'
import { formatSourcePosition } from '@freshet/protocol'
import type { FeedPoint, TokenCheck, TokenClaims } from './contract.ts'
import type { Hub } from './hub.ts'
import type { StreamPosition } from './protocol/command.ts'
import { recover, viewerOf, type Recovery, type Stream } from './recovery.ts'
import { Session, type Outlet } from './session.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { UserEntry } from './user-entry.ts'
import type { UserStates } from './user-states.ts'

/** Why no session was opened. `unavailable` is temporary. */
export type Refusal = 'expired' | 'invalid' | 'tooManyConnections' | 'unavailable'

/** A session that was opened, with what the connect reply needs. */
export interface Opened {
  readonly session: Session
  readonly user: string
  readonly epoch: string
  /** Freshet-Position of the top of the stream. */
  readonly position: string
  readonly recovery: Recovery
}

/** A request for a session. */
export interface Opening {
  readonly token: string
  /** Verifies the token instead of the service's own check. */
  readonly tokens?: TokenCheck
  /** The position to recover from, given the user of the token. */
  readonly since: (user: string) => StreamPosition | undefined
  readonly outlet: Outlet
  /** Called in the same turn in which the session joins the hub, so what is sent here precedes live publications. */
  readonly onOpen: (opened: Opened) => void
  /** Whether the client has disconnected in the meantime. */
  readonly abandoned: () => boolean
}

/** Dependencies of the opener. */
export interface SessionOpenerParts {
  readonly tokens: TokenCheck
  readonly hub: Hub
  readonly states: UserStates
  readonly wheel: TimerWheel
  readonly clock: Clock
  /** Where the feed is; `undefined`: not ready. */
  readonly now: () => { readonly point: FeedPoint; readonly stream: Stream } | undefined
  readonly maxSessionsPerUser: number
  readonly graceMs: number
}

/** Opens a session from a token and a stream position, for every transport. */
export class SessionOpener {
  readonly #parts: SessionOpenerParts

  constructor(parts: SessionOpenerParts) {
    this.#parts = parts
  }

  /** Resolves with why there is no session, or `undefined` after `onOpen` was called. Rejects with what that throws. */
  async open(opening: Opening): Promise<Refusal | undefined> {
    const outcome = await (opening.tokens ?? this.#parts.tokens).check(opening.token)
    if (outcome.kind !== 'valid') return outcome.kind
    const { hub, states, now } = this.#parts
    const at = now()?.point.position
    if (at === undefined || opening.abandoned()) return 'unavailable'
    const entry = hub.acquire(outcome.claims.sub)
    const refusal = (await states.load(entry, at))
      ? this.#begin(entry, outcome.claims, opening)
      : 'unavailable'
    if (refusal !== undefined) hub.release(entry)
    return refusal
  }

  /** Synchronous, so no change can fall between the replay and the first live publication. */
  #begin(entry: UserEntry, claims: TokenClaims, opening: Opening): Refusal | undefined {
    const { clock, now, maxSessionsPerUser } = this.#parts
    const current = now()
    if (current === undefined || entry.lapsed || opening.abandoned()) return 'unavailable'
    if (claims.issuedAt < entry.notBefore) return 'invalid'
    if (entry.members.length >= maxSessionsPerUser) return 'tooManyConnections'
    const { point, stream } = current
    const { outlet, since } = opening
    const viewer = viewerOf(entry, claims.groups)
    const recovery = recover(stream, viewer, since(entry.user), clock.wallMs())
    const offset = recovery.publications.at(-1)?.offset ?? recovery.offset
    const session = new Session(this.#parts, { entry, claims, offset, outlet })
    const { source, at } = point.position
    const position = formatSourcePosition(source, at)
    opening.onOpen({ session, user: entry.user, epoch: stream.epoch, position, recovery })
    return undefined
  }
}
