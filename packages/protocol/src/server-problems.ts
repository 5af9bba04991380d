import type { ProblemKind } from './problem.ts'

/** Problems caused by the service or its dependencies: 5xx, ordered by status. */
export const serverProblems = {
  internal: {
    status: 500,
    title: 'The service failed',
    retryable: false,
    remedy:
      'This is a defect, or the service lacks a permission. The log entry with this "instance" has the cause; include it in a report.',
  },
  unavailable: {
    status: 503,
    title: 'A dependency of the service is unavailable',
    retryable: true,
    remedy: 'Nothing was done. Retry after Retry-After.',
    retryAfterS: 1,
  },
  'not-ready': {
    status: 503,
    title: 'The service is not ready yet',
    retryable: true,
    remedy: 'Retry after Retry-After. /readyz on the management port shows when the service is ready.',
    retryAfterS: 1,
  },
  overloaded: {
    status: 503,
    title: 'The service is overloaded',
    retryable: true,
    remedy: 'Nothing was done. Retry after Retry-After, with exponential backoff.',
    retryAfterS: 1,
  },
  'reader-behind': {
    status: 503,
    title: 'The reader has not reached the position yet',
    retryable: true,
    remedy: 'Retry after Retry-After. If this happens often, send a longer "Prefer: wait=N" (at most 30 s).',
    retryAfterS: 1,
  },
  'source-unknown': {
    status: 503,
    title: 'The source of the database is not known yet',
    retryable: true,
    remedy: 'Retry after Retry-After. If the problem persists, run the migration.',
    retryAfterS: 1,
  },
  'source-refused': {
    status: 503,
    title: 'The reader cannot use its database or log',
    retryable: true,
    remedy:
      'Waiting does not help: the operator must correct a setting or a right, which the log of the reader names. brokenBy in its /statusz is the code. The request is valid, and another reader may answer it.',
    retryAfterS: 10,
  },
  'collection-not-exact': {
    status: 503,
    title: 'The collection cannot be served exactly',
    retryable: false,
    remedy:
      'Waiting does not help: the operator must correct the cause, or use another collection or table. The log of the service, and refusedCollections in /statusz of a reader, have the reason.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'The write was sent, but its outcome is unknown',
    retryable: false,
    remedy:
      'Repeat it with the same Idempotency-Key: it takes effect once. Without a key, read the document to see whether it was written.',
  },
  'write-loop': {
    status: 508,
    title: 'The write was caused by a change and would create a loop',
    retryable: false,
    remedy:
      'A change handler may only write to the collections that it declares, and must not trigger itself.',
  },
} as const satisfies Record<string, ProblemKind>
