/** What can be wrong with a configuration, and what to do. */
export const remedies = {
  /** A value is not what its option wants. Correct it where the message says. */
  BAD_VALUE: 'Correct the value where the message says.',
  /** A flag, variable or key that no option has. Correct its spelling, or take it away. */
  UNKNOWN: 'Correct the spelling, or take it away; --help lists all.',
  /** An option without a default was not given. */
  MISSING: 'Give the option by its flag, its variable or in the file.',
  /** The configuration file, or a file that holds a secret, cannot be read. */
  UNREADABLE: 'Check the path and the rights; the file of --config must be a JSON object.',
  /** Settings that exclude or need each other. */
  CONFLICT: 'Change one of the settings that the message names.',
} as const satisfies Record<string, string>

/** The program was told something that it cannot follow; nothing has been started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: keyof typeof remedies

  constructor(code: keyof typeof remedies, message: string, options?: ErrorOptions) {
    super(`${message} ${remedies[code]}`, options)
    this.code = code
  }
}
