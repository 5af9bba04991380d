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

/** Why a client gets no session. `unavailable`: it may come again. */
export type Refusal = 'expired' | 'invalid' | 'tooManyConnections' | 'unavailable'

/** What a client learns when its session begins. */
export interface Opened {
  readonly session: Session
  readonly user: string
  readonly epoch: string
  /** Freshet-Position of the top of the stream. */
  readonly position: string
  readonly recovery: Recovery
}

/** A client that asks for a session. */
export interface Opening {
  readonly token: string
  /** Proves it instead of the service's own check. */
  readonly tokens?: TokenCheck
  /** Where it was, by the user it proves to be. */
  readonly since: (user: string) => StreamPosition | undefined
  readonly outlet: Outlet
  /** Called in the turn in which the session begins: what is sent here comes before everything else. */
  readonly onOpen: (opened: Opened) => void
  /** It gave up: no session is opened. */
  readonly gone: () => boolean
}

/** What opening sessions takes. */
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

/** Turns a token and a place in the stream into a session: the same for all doors. */
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
    if (at === undefined || opening.gone()) return 'unavailable'
    const entry = hub.hold(outcome.claims.sub)
    const refusal = (await states.load(entry, at))
      ? this.#begin(entry, outcome.claims, opening)
      : 'unavailable'
    if (refusal !== undefined) hub.release(entry)
    return refusal
  }

  /** One turn: nothing can happen between the replay, the reply and the first live publication. */
  #begin(entry: UserEntry, claims: TokenClaims, opening: Opening): Refusal | undefined {
    const { hub, wheel, clock, now, maxSessionsPerUser, graceMs } = this.#parts
    const current = now()
    if (current === undefined || entry.lapsed || opening.gone()) return 'unavailable'
    if (claims.issuedAt < entry.notBefore) return 'invalid'
    if (entry.members.size >= maxSessionsPerUser) return 'tooManyConnections'
    const { point, stream } = current
    const { outlet, since } = opening
    const viewer = viewerOf(entry, claims.groups)
    const recovery = recover(stream, viewer, since(entry.user), clock.wallMs())
    const offset = recovery.publications.at(-1)?.offset ?? recovery.offset
    const session = new Session({ entry, claims, offset, outlet, hub, wheel, clock, graceMs })
    const { source, at } = point.position
    const position = formatSourcePosition(source, at)
    opening.onOpen({ session, user: entry.user, epoch: stream.epoch, position, recovery })
    return undefined
  }
}
