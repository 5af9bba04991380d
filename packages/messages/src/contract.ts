/** The addressees of a message. Its sender receives it too. */
export type Recipients =
  { readonly user: string } | { readonly users: readonly string[] } | { readonly group: string }

/** One stored message, edit or deletion. */
export interface Message {
  readonly type: 'message' | 'edited' | 'deleted'
  readonly id: string
  readonly conv: string
  /** In its conversation: 1, 2, 3, … without holes. */
  readonly seq: number
  readonly from: string
  readonly to: Recipients
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly clientId?: string
  /** The message that an edit or a deletion replaces. */
  readonly ref?: string
  /** Any JSON value. A deletion has none, nor has a deleted message, nor an edit that was followed by another. */
  readonly body?: unknown
}

/** A part of a group's conversation that a member may see: `from <= seq`, and `seq <= to` once the member has left. */
export interface Interval {
  readonly from: number
  readonly to?: number
}

/** What one user may see of one group. Always the complete document, so a later one replaces an earlier one. */
export interface Membership {
  readonly group: string
  readonly user: string
  /** In order; they do not overlap. */
  readonly intervals: readonly Interval[]
}

/** How far a user has read a conversation. */
export interface ReadCursor {
  readonly conv: string
  readonly user: string
  readonly delivered: number
  readonly read: number
}

/** Tokens of `sub` that were issued before this second are not valid any more. */
export interface Revocation {
  readonly sub: string
  readonly notBefore: number
}
