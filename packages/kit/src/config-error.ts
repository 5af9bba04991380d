/** Configuration errors, with a remedy if the message does not already imply it. */
export const remedies = {
  /** An invalid value. The message states its source and what was expected. */
  BAD_VALUE: '',
  /** A flag, variable or key without an option. */
  UNKNOWN: 'Correct the spelling or remove it; --help lists all options.',
  /** A required option is missing. */
  MISSING: 'Set it as a flag, as an environment variable or in the file.',
  /** The configuration file or a secret's file cannot be read. */
  UNREADABLE: 'Check the path and its permissions.',
  /** The content of the configuration file is invalid. */
  BAD_FILE: 'The file of --config must contain one JSON object, keyed by option names without the dashes.',
  /** Conflicting settings. The message names them. */
  CONFLICT: '',
} as const satisfies Record<string, string>

/** The configuration is invalid. Thrown before anything is started. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: keyof typeof remedies

  constructor(code: keyof typeof remedies, message: string, options?: ErrorOptions) {
    super(`${message} ${remedies[code]}`.trimEnd(), options)
    this.code = code
  }
}
