import { exitCodes } from './exit-codes.ts'

const { failed, unproved, badConfig } = exitCodes

/** Errors of commands, with exit code and remedy. */
export const cliFailures = {
  CHILD_ENDED: { exitCode: failed, remedy: 'Its errors are also printed above.' },
  NOT_READY: { exitCode: failed, remedy: 'The log says what it is waiting for.' },
  PORT_TAKEN: {
    exitCode: failed,
    remedy:
      'Stop the process that listens there, often another `npm run dev`, or choose other ports with --port=N; --port=0 uses any free ones.',
  },
  BAD_HOST: {
    exitCode: badConfig,
    remedy: 'Use an address of this machine, or 0.0.0.0 for all of them.',
  },
  FOLDER_IN_USE: {
    exitCode: failed,
    remedy: 'Stop that run, or start this one with --port=0 and either --ephemeral or in another directory.',
  },
  NOT_OURS: {
    exitCode: badConfig,
    remedy:
      'Move it away or start in another directory. Secrets and data must be in a directory that you own.',
  },
  NO_TEMPORARY_FOLDER: {
    exitCode: badConfig,
    remedy: 'Create that directory, or set TMPDIR to an existing directory that you may write to.',
  },
  NO_LOCKS: {
    exitCode: badConfig,
    remedy: 'Install flock (util-linux) and use a file system that supports locks.',
  },
  NO_RUN: {
    exitCode: badConfig,
    remedy: 'Start `npm run dev` in this directory, or pass the addresses as options.',
  },
  BAD_LOG: {
    exitCode: badConfig,
    remedy: 'Pass a file with the address as --log-uri-file.',
  },
  BAD_RUN_FILE: {
    exitCode: badConfig,
    remedy: 'Restart `npm run dev` in this directory, or delete the file.',
  },
  NOTHING_TO_AUDIT: {
    exitCode: unproved,
    remedy: 'Write some documents first, or pass the right collections directory.',
  },
} as const satisfies Record<string, { readonly exitCode: number; readonly remedy: string }>

/** A command failed. The message starts with `code` and ends with the remedy. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: keyof typeof cliFailures

  constructor(code: keyof typeof cliFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${cliFailures[code].remedy}`, options)
    this.code = code
  }
}
