import { CodedError, type Failure } from '@freshet/kit'

/**
 * All errors of this package. `retry`: the same call may succeed later without intervention. `exitCode`: the exit code
 * of a process that cannot start because of this, as in sysexits.h.
 */
export const failures = {
  /** A handler wrote to an undeclared collection. */
  UNDECLARED_WRITE: {
    retry: false,
    exitCode: 70,
    remedy:
      'Declare the write with a reason, `allowWrites: [{ collection, reason }]`, or do not write in a handler.',
  },
  /** A handler wrote because of its own write, or too many handlers after the first write. */
  WRITE_LOOP: {
    retry: false,
    exitCode: 70,
    remedy: 'Break the loop: a handler must not cause the changes it receives. The message shows the chain.',
  },
  /** So many writes because of one document, or of the handler's own writes, that it must be a loop. */
  BREAKER_OPEN: {
    retry: true,
    exitCode: 70,
    remedy:
      'Break the loop. Writes because of this document are refused for some minutes; other writes are not affected.',
  },
  /** The `fetch` or `headers` of a call were used after it ended, or by another call of the handler. */
  STALE_CONTEXT: {
    retry: false,
    exitCode: 70,
    remedy: 'Use the `fetch` and `headers` of the current call, and await everything it starts.',
  },
  /** Invalid name of a service, handler, collection or writer. */
  BAD_HANDLER: {
    retry: false,
    exitCode: 78,
    remedy:
      'Use a-z 0-9 _ - in names of services and handlers, a different name for each handler, and origins for writers.',
  },
  /** The writes of this client cannot be observed. */
  UNWATCHABLE: {
    retry: false,
    exitCode: 78,
    remedy: 'Create the client with the same driver, and pass it to `watchWrites` before it connects.',
  },
} as const satisfies Record<string, Failure>

export type HandlerErrorCode = keyof typeof failures

/** Thrown for an invalid handler, and for a handler's refused write. */
export class HandlerError extends CodedError<HandlerErrorCode> {
  override readonly name = 'HandlerError'

  constructor(code: HandlerErrorCode, message: string, options?: ErrorOptions) {
    super(code, failures[code], message, options)
  }
}
