/** Names of the headers that carry meaning here, in the lower case in which node:http hands them over. */
export const headers = {
  /** On each answer that states a fact about data: `<source>.<position>`. */
  position: 'freshet-position',
  /** On a read: answer from a state at or after this position, or `now`. */
  atLeast: 'freshet-at-least',
  /** On a write: the same key and request again get the stored answer. */
  idempotencyKey: 'idempotency-key',
  /** On an answer that was stored by an earlier request with the same key. */
  idempotencyReplayed: 'idempotency-replayed',
  /** On a write that descends from a change: how many handlers wrote before it and with it; a whole number. */
  hops: 'freshet-hops',
  /** On such a write: which handlers, and what they had heard of; see `formatLineage`. */
  cause: 'freshet-cause',
  /** RFC 9211: how the cache took part in the answer. */
  cacheStatus: 'cache-status',
  prefer: 'prefer',
  preferenceApplied: 'preference-applied',
} as const
