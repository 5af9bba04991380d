// G4.2 fails without this file: a process with too large a role does not know how to end.
/**
 * Everything the guard can refuse or fail with. `retry`: the same call may succeed later without anybody's help.
 * `exitCode`: how a process ends when this happens at its start (78: the configuration is wrong, as in sysexits.h;
 * 69: a service it needs is not there).
 */
export const failures = {
  /** A command, stage, operator or database outside the allow-lists. Write through the writer. */
  WRITE_REFUSED: {
    retry: false,
    exitCode: 78,
    remedy:
      'Readers only read: send writes to the writer; a read that is refused must first be added to the allow-list.',
  },
  /** The canary was not stopped by the veto: this driver does not send its commands through the guard's connection. */
  VETO_MISSING: {
    retry: false,
    exitCode: 78,
    remedy: 'Run the exact version of the driver that the guard was built for.',
  },
  /** The user may do more than read. */
  PRIVILEGE: {
    retry: false,
    exitCode: 78,
    remedy: 'Give this process the reader role and nothing else; `freshet migrate` creates such a user.',
  },
  /** The server asks nobody who they are, so no role stands behind the guard. */
  NO_ACCESS_CONTROL: {
    retry: false,
    exitCode: 78,
    remedy: 'Start MongoDB with access control: without it no role keeps a reader from writing.',
  },
  /** The address or an option is not one that the driver understands. */
  BAD_ADDRESS: {
    retry: false,
    exitCode: 78,
    remedy: 'Correct the address of the database: mongodb://user:password@host:port/?replicaSet=name.',
  },
  /** No server, or no primary, answered in time. */
  UNREACHABLE: {
    retry: true,
    exitCode: 69,
    remedy: 'Check the address and that the replica set has a primary.',
  },
  /** The server accepted the connection but not the credentials. */
  NOT_AUTHENTICATED: {
    retry: false,
    exitCode: 78,
    remedy: 'Check user, password and authSource in the address.',
  },
  /** No reply within `timeoutMs`; the connection was given up. */
  REPLY_TIMEOUT: {
    retry: true,
    exitCode: 69,
    remedy: 'Ask again; if it goes on, look at the load of the database.',
  },
} as const satisfies Record<string, { retry: boolean; exitCode: number; remedy: string }>

/** A key of {@link failures}. */
export type GuardErrorCode = keyof typeof failures

/** What the guard throws; everything that the server itself answers comes as the driver's own error. */
export class GuardError extends Error {
  override readonly name = 'GuardError'
  readonly code: GuardErrorCode

  constructor(code: GuardErrorCode, message: string, options?: ErrorOptions) {
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
