/** What can go wrong in a migration, and what a person does about it. */
export const migrationFailures = {
  RESERVED_NAME: { remedy: 'Give the collection another name: this one is used for the control documents.' },
  NOT_ALLOWED: {
    remedy: 'Use a user that may create collections, roles and users, such as one with the role root.',
  },
  NOT_MIGRATED: { remedy: 'Run the migration over this database first.' },
} as const satisfies Record<string, { readonly remedy: string }>

/** The database was not brought into its form. `code` names the case, the message ends with the remedy. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly code: keyof typeof migrationFailures

  constructor(code: keyof typeof migrationFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${migrationFailures[code].remedy}`, options)
    this.code = code
  }
}
