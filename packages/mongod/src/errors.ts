/** What can go wrong with a server for development, and what a person does about it. */
export const mongodFailures = {
  NOT_FOUND: {
    remedy: 'Install MongoDB 6.0 or newer, or set MONGOMS_SYSTEM_BINARY to the path of a mongod.',
  },
  NAMED_NOT_RUN: { remedy: 'Correct the variable, or take it away: then one is looked for.' },
  NOT_STARTED: {
    remedy: 'Read the cause; often the data folder belongs to another process or to a newer MongoDB.',
  },
  PORT_TAKEN: { remedy: 'Stop the process that listens on the port: often another run over the same data.' },
  SET_UP_CUT_OFF: {
    remedy:
      'Delete the folder: it has neither its users nor documents yet. If it should have, give its port.',
  },
} as const satisfies Record<string, { readonly remedy: string }>

/** No server could be found or started. `code` names the case, the message ends with the remedy. */
export class MongodError extends Error {
  override readonly name = 'MongodError'
  readonly code: keyof typeof mongodFailures

  constructor(code: keyof typeof mongodFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${mongodFailures[code].remedy}`, options)
    this.code = code
  }
}
