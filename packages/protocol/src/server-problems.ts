import type { ProblemKind } from './problem-kind.ts'

/** Problems caused by the service or its dependencies: 5xx, ordered by status. */
export const serverProblems = {
  internal: {
    status: 500,
    title: 'The service failed',
    retryable: false,
    remedy:
      'This is a defect, or the service may not do what it has to. Report it with the "instance", by which the log has the cause.',
  },
  unavailable: {
    status: 503,
    title: 'Something that the service needs cannot be reached now',
    retryable: true,
    remedy: 'Nothing was done. Send the request again after Retry-After.',
    retryAfterS: 1,
  },
  'not-ready': {
    status: 503,
    title: 'The service is not ready yet',
    retryable: true,
    remedy:
      'Send the request again after Retry-After; /readyz on the management port tells when it is ready.',
    retryAfterS: 1,
  },
  overloaded: {
    status: 503,
    title: 'The service has as much work as it takes on',
    retryable: true,
    remedy: 'Nothing was done. Send the request again after Retry-After, with a growing wait.',
    retryAfterS: 1,
  },
  'reader-behind': {
    status: 503,
    title: 'The reader has not reached the position yet',
    retryable: true,
    remedy: 'Send the request again, with a longer "Prefer: wait=N" (at most 30 s) when it happens often.',
    retryAfterS: 1,
  },
  'source-unknown': {
    status: 503,
    title: 'It is not known yet which source is behind the address of the database',
    retryable: true,
    remedy: 'Send the request again after Retry-After. If it stays, the database was never migrated.',
    retryAfterS: 1,
  },
  'collection-not-exact': {
    status: 503,
    title: 'The collection cannot be answered exactly',
    retryable: false,
    remedy:
      'The operator must make it a plain collection: it is a view, a time series, a capped one, or has a collation of its own.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'The write was sent, its outcome is not known',
    retryable: false,
    remedy:
      'Repeat it with the same Idempotency-Key: it is done once. If it had none, read the document to see whether it was written.',
  },
  'write-loop': {
    status: 508,
    title: 'The write descends from a change and would make a loop',
    retryable: false,
    remedy:
      'A handler of changes may write only the collections that it declares, and nothing that comes back to it.',
  },
} as const satisfies Record<string, ProblemKind>
