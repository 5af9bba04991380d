import { exitCodes } from './exit-codes.ts'

const { failed, unproved, badConfig } = exitCodes

/** What can go wrong in a command, how the program then ends, and what a person does about it. */
export const cliFailures = {
  CHILD_ENDED: { exitCode: failed, remedy: 'What it complained of is above too.' },
  NOT_READY: { exitCode: failed, remedy: 'The log tells what it waits for.' },
  PORT_TAKEN: {
    exitCode: failed,
    remedy:
      'Stop what listens there, often another `npm run dev`, or choose others by --port=N; --port=0 takes any.',
  },
  BAD_HOST: {
    exitCode: badConfig,
    remedy: 'Give an address of this machine; 0.0.0.0 stands for all of them.',
  },
  FOLDER_IN_USE: {
    exitCode: failed,
    remedy:
      'Stop that run; or give this one --ephemeral or another folder, and --port=0, since its ports are in use too.',
  },
  NOT_OURS: {
    exitCode: badConfig,
    remedy: 'Move it away, or start in another folder: secrets and data are kept in a folder of your own.',
  },
  NO_TEMPORARY_FOLDER: {
    exitCode: badConfig,
    remedy: 'Make that folder, or set TMPDIR to one that is there and that you may write to.',
  },
  NO_LOCKS: {
    exitCode: badConfig,
    remedy: 'Install util-linux, which has flock, and use a file system that knows locks.',
  },
  NO_RUN: {
    exitCode: badConfig,
    remedy: 'Start `npm run dev` in this folder, or give the addresses by the options.',
  },
  BAD_RUN_FILE: {
    exitCode: badConfig,
    remedy: 'Start `npm run dev` in this folder again, or delete the file.',
  },
  NOTHING_TO_AUDIT: {
    exitCode: unproved,
    remedy: 'Write some documents first, or name the right folder of collection files.',
  },
} as const satisfies Record<string, { readonly exitCode: number; readonly remedy: string }>

/** A command could not do its work. `code` names the case, the message ends with the remedy. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: keyof typeof cliFailures

  constructor(code: keyof typeof cliFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${cliFailures[code].remedy}`, options)
    this.code = code
  }
}
