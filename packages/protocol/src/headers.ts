/** Names of significant headers, in lower case as in node:http. */
export const headers = {
  /** On responses that state a fact about data: `<source>.<position>`. */
  position: 'freshet-position',
  /** On a read: respond from a state at or after this position, or `now`. */
  atLeast: 'freshet-at-least',
  /** On a write: repeating the same request with the same key returns the stored response. */
  idempotencyKey: 'idempotency-key',
  /** On a response stored by an earlier request with the same key. */
  idempotencyReplayed: 'idempotency-replayed',
  /** On a write caused by a change: the number of handlers so far, including the current one. */
  hops: 'freshet-hops',
  /** On such a write: the handlers and the changes they received; see `formatLineage`. */
  cause: 'freshet-cause',
  /** RFC 9211: how the cache was involved. */
  cacheStatus: 'cache-status',
  prefer: 'prefer',
  preferenceApplied: 'preference-applied',
} as const
