/**
 * Everything that this package refuses or fails with. `retry`: the same call may succeed later without anybody's help.
 * `exitCode`: how a process ends when this happens at its start, as in sysexits.h.
 */
export const failures = {
  /** A handler wrote to a collection that it had not declared. */
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
  /** So many writes because of one document, or because of the handler's own writes, that it must be a loop. */
  BREAKER_OPEN: {
    retry: true,
    exitCode: 70,
    remedy: 'Break the loop. Writes because of this document are refused for some minutes; others go on.',
  },
  /** The service, a handler, a collection or a writer is named in a way that cannot be used. */
  BAD_HANDLER: {
    retry: false,
    exitCode: 78,
    remedy:
      'Name services and handlers by a-z 0-9 _ -, each handler differently; name writers by their origin.',
  },
  /** The writes of this client could not be seen. */
  UNWATCHABLE: {
    retry: false,
    exitCode: 78,
    remedy: 'Make the client with the same driver, and pass it to `watchWrites` before it connects.',
  },
} as const satisfies Record<string, { retry: boolean; exitCode: number; remedy: string }>

/** A key of {@link failures}. */
export type HandlerErrorCode = keyof typeof failures

/** What is thrown where a handler is not accepted, and where a write of a handler is refused. */
export class HandlerError extends Error {
  override readonly name = 'HandlerError'
  readonly code: HandlerErrorCode

  constructor(code: HandlerErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options)
    this.code = code
  }

  /** Whether the same call may succeed later. */
  get retry(): boolean {
    return failures[this.code].retry
  }

  /** What to do about it, in one sentence. */
  get remedy(): string {
    return failures[this.code].remedy
  }

  /** The exit code of a process that cannot start because of this. */
  get exitCode(): number {
    return failures[this.code].exitCode
  }
}
