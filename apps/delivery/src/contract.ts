import type { Membership, Message, ReadCursor, Revocation } from '@freshet/messages'
import type { SourcePosition } from '@freshet/protocol'

/** Where a feed is: everything up to `position` has been reported. */
export interface FeedPoint {
  readonly position: SourcePosition
  /** The second of the source's own clock at `position`, since 1970. */
  readonly second: number
}

/** Where a feed begins, or begins again after its history was lost. */
export interface FeedStart {
  /** Names the source and the version of the filter; offsets of two epochs are never compared. See `epochOf`. */
  readonly epoch: string
  /**
   * The feed reports every change from the start of this second on. It may also report earlier changes: memberships and
   * revocations are applied, messages are ignored.
   */
  readonly second: number
}

/** A message as it is delivered. */
export interface DeliveredMessage extends Omit<Message, 'body'> {
  /** The stored JSON text of the body, on one line: it is passed on as it is. */
  readonly bodyJson?: string
}

/** What a change stands for. */
export type ChangeContent =
  | { readonly kind: 'message'; readonly message: DeliveredMessage }
  | { readonly kind: 'membership'; readonly membership: Membership }
  | { readonly kind: 'cursor'; readonly cursor: ReadCursor }
  | { readonly kind: 'revocation'; readonly revocation: Revocation }
  /** The state of some users has changed in an unknown way: every client is disconnected, and comes back. */
  | { readonly kind: 'reset' }
  /** A message whose contents did not arrive. Nobody recovers from before it: clients load what is stored. */
  | { readonly kind: 'gap' }
  /** Nothing to deliver. It has an offset, since another instance may be able to read it. */
  | { readonly kind: 'unreadable' }

/** One change of the feed. */
export type FeedChange = ChangeContent & {
  /** The second of the source's clock, since 1970. */
  readonly second: number
}

/** All changes of whole positions, in stream order, the same on every instance. An empty batch is proof of progress. */
export interface FeedBatch {
  readonly changes: readonly FeedChange[]
  readonly through: FeedPoint
  /** The feed still reads what was stored before it began: nobody is served yet. */
  readonly behind?: true
}

/** Consumer of the feed, implemented by `Delivery`. Both calls are synchronous. */
export interface FeedSink {
  /** The feed starts. The second call and later ones mean that history was lost: every client is disconnected and reconnects. */
  begin(start: FeedStart): void
  apply(batch: FeedBatch): void
}

/** The state of a user in the database. */
export interface UserState {
  readonly memberships: readonly Membership[]
  /** The latest revocation; 0: none. */
  readonly notBefore: number
}

/** Database reads: one for each user who connects and has no other connection to this instance. */
export interface UserReads {
  /**
   * The state exactly at `at`, since the feed reports what follows. After a rejection the client gets a temporary error
   * and reconnects.
   */
  load(user: string, at: SourcePosition, signal: AbortSignal): Promise<UserState>
}

/** The claims of a valid token. Times are seconds since 1970. */
export interface TokenClaims {
  readonly sub: string
  readonly expiresAt: number
  /** 0 without the claim `iat`: then any revocation applies. */
  readonly issuedAt: number
  /** Groups whose messages the bearer receives without a stored membership. */
  readonly groups: readonly string[]
}

/** The result of verifying a token; `unavailable`: it cannot be verified now and may be valid. */
export type TokenOutcome =
  | { readonly kind: 'valid'; readonly claims: TokenClaims }
  | { readonly kind: 'expired' | 'invalid' | 'unavailable' }

/** Verifies tokens. Never rejects. */
export interface TokenCheck {
  check(token: string): Promise<TokenOutcome>
}

/**
 * Short-lived stand-ins for a token in a URL: browsers cannot send headers with an event stream, and a token in a URL ends
 * up in logs. Valid for 30 s on every instance.
 */
export interface Tickets extends TokenCheck {
  /** A ticket whose `check` returns these claims: the token's own expiry and time of issue still count. */
  issue(claims: TokenClaims): Promise<string>
}
