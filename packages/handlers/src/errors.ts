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
    remedy: 'Break the loop: a handler must not cause what it hears. The message shows the chain.',
  },
  /** So many writes because of one document, or of the handler's own writes, that it must be a loop. */
  BREAKER_OPEN: {
    retry: true,
    exitCode: 70,
    remedy: 'Break the loop. Writes because of this document are refused for some minutes; others go on.',
  },
  /** The `fetch` or `headers` of a call were used after it ended, or by another call of the handler. */
  STALE_CONTEXT: {
    retry: false,
    exitCode: 70,
    remedy: 'Use the `fetch` and `headers` of the current call, and await in it what it starts.',
  },
  /** Invalid name of a service, handler, collection or writer. */
  BAD_HANDLER: {
    retry: false,
    exitCode: 78,
    remedy:
      'Name services and handlers by a-z 0-9 _ -, each handler differently; name writers by their origin.',
  },
  /** The writes of this client cannot be observed. */
  UNWATCHABLE: {
    retry: false,
    exitCode: 78,
    remedy: 'Make the client with the same driver, and pass it to `watchWrites` before it connects.',
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
