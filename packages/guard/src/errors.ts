// G4.2 fails without this file: a process with an excessive role has no exit code.

import { CodedError, type Failure } from '@freshet/kit'

/**
 * All errors of the guard. `retry`: the same call may succeed later without intervention. `exitCode`: the exit code of
 * a process that cannot start because of this (78: wrong configuration, as in sysexits.h; 69: a required service is
 * unavailable).
 */
export const failures = {
  /** A command, stage, operator or database outside the allow-lists. Write through the writer. */
  WRITE_REFUSED: {
    retry: false,
    exitCode: 78,
    remedy: 'Send writes to the writer. If a read was refused, add it to the allow-list.',
  },
  /** The veto did not stop the canary: this driver does not send its commands through the guard's connection. */
  VETO_MISSING: {
    retry: false,
    exitCode: 78,
    remedy: 'Use the exact driver version that the guard was built for.',
  },
  /** The user can do more than read. */
  PRIVILEGE: {
    retry: false,
    exitCode: 78,
    remedy: 'Give this process the reader role and nothing else; `freshet migrate` creates such a user.',
  },
  /** The server does not enforce access control, so no role backs the guard. */
  NO_ACCESS_CONTROL: {
    retry: false,
    exitCode: 78,
    remedy: 'Start MongoDB with access control: without it, no role prevents a reader from writing.',
  },
  /** The driver cannot parse the address or an option. */
  BAD_ADDRESS: {
    retry: false,
    exitCode: 78,
    remedy: 'Correct the address of the database: mongodb://user:password@host:port/?replicaSet=name.',
  },
  /** No server, or no primary, replied in time. */
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
  /** No reply within `timeoutMs`; the connection was closed. */
  REPLY_TIMEOUT: {
    retry: true,
    exitCode: 69,
    remedy: 'Retry. If it happens again, check the load of the database.',
  },
} as const satisfies Record<string, Failure>

export type GuardErrorCode = keyof typeof failures

/** The guard's own errors. Errors from the server are the driver's. The message ends with the remedy. */
export class GuardError extends CodedError<GuardErrorCode> {
  override readonly name = 'GuardError'
  /** What is wrong: the message without the remedy. */
  readonly what: string

  constructor(code: GuardErrorCode, what: string, options?: ErrorOptions) {
    super(code, failures[code], `${what} (${failures[code].remedy})`, options)
    this.what = `${code}: ${what}`
  }
}
