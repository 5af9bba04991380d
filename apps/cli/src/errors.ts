/** What can go wrong in a command, and what a person does about it. */
export const cliFailures = {
  CHILD_ENDED: { remedy: 'What it complained of is above too.' },
  NOT_READY: { remedy: 'The log tells what it waits for.' },
  PORT_TAKEN: {
    remedy:
      'Stop what listens there, often another `npm run dev`, or choose others by --port=N; --port=0 takes any.',
  },
  BAD_HOST: { remedy: 'Give an address of this machine; 0.0.0.0 stands for all of them.' },
  FOLDER_IN_USE: { remedy: 'Stop that run, start this one in another folder, or say --ephemeral.' },
  NOT_OURS: {
    remedy: 'Move it away, or start in another folder: secrets and data are kept in a folder of your own.',
  },
  NO_TEMPORARY_FOLDER: {
    remedy: 'Make that folder, or set TMPDIR to one that is there and that you may write to.',
  },
  NO_LOCKS: { remedy: 'Install util-linux, which has flock, and use a file system that knows locks.' },
  NO_RUN: { remedy: 'Start `npm run dev` in this folder, or give the addresses by the options.' },
  BAD_RUN_FILE: { remedy: 'Start `npm run dev` in this folder again, or delete the file.' },
  NOTHING_TO_AUDIT: { remedy: 'Write some documents first, or name the right folder of collection files.' },
} as const satisfies Record<string, { readonly remedy: string }>

/** A command could not do its work. `code` names the case, the message ends with the remedy. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: keyof typeof cliFailures

  constructor(code: keyof typeof cliFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${cliFailures[code].remedy}`, options)
    this.code = code
  }
}
