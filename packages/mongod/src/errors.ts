/** Errors of finding and starting a mongod, and their remedies. */
export const mongodFailures = {
  NOT_FOUND: {
    remedy: 'Install MongoDB 6.0 or newer, or set MONGOMS_SYSTEM_BINARY to the path of a mongod.',
  },
  NAMED_NOT_RUN: { remedy: 'Correct the variable, or unset it to search for a mongod.' },
  NOT_STARTED: {
    remedy:
      'Check the cause. Often the data directory is in use by another process or was written by a newer MongoDB.',
  },
  PORT_TAKEN: { remedy: 'Stop the process that listens on the port, often another run with the same data.' },
  SET_UP_CUT_OFF: {
    remedy: 'Delete the directory: it contains neither users nor documents yet. If it should, pass its port.',
  },
} as const satisfies Record<string, { readonly remedy: string }>

/** No server was found or could be started. The message starts with `code` and ends with the remedy. */
export class MongodError extends Error {
  override readonly name = 'MongodError'
  readonly code: keyof typeof mongodFailures

  constructor(code: keyof typeof mongodFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${mongodFailures[code].remedy}`, options)
    this.code = code
  }
}
