/** What can be wrong with a configuration, and what to do where the message alone does not say it. */
export const remedies = {
  /** A value is not what its option wants; the message says where, and what is wanted. */
  BAD_VALUE: '',
  /** A flag, variable or key that no option has. Correct its spelling, or take it away. */
  UNKNOWN: 'Correct the spelling, or take it away; --help lists all.',
  /** An option without a default was not given. */
  MISSING: 'Give the option by its flag, its variable or in the file.',
  /** The configuration file, or a file that holds a secret, cannot be read. */
  UNREADABLE: 'Check the path and its permissions.',
  /** The content of the configuration file is not what it must be. */
  BAD_FILE: 'The file of --config holds one JSON object, with options by their names, without the dashes.',
  /** Settings that exclude or need each other; the message names them. */
  CONFLICT: '',
} as const satisfies Record<string, string>

/** The program was told something that it cannot follow; nothing has been started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: keyof typeof remedies

  constructor(code: keyof typeof remedies, message: string, options?: ErrorOptions) {
    super(`${message} ${remedies[code]}`.trimEnd(), options)
    this.code = code
  }
}
