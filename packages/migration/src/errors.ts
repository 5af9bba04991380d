/** Migration errors and their remedies. */
export const migrationFailures = {
  BAD_ADDRESS: { remedy: 'Correct the address: mongodb://user:password@host:port/?replicaSet=name.' },
  UNREACHABLE: {
    remedy: 'Check the address, that the server is running, and that its replica set has a primary.',
  },
  MEMBERS_UNREACHABLE: {
    remedy:
      'Add directConnection=true to the address to connect to that server only, or make these names resolvable on this machine.',
  },
  WRONG_SET: { remedy: 'Correct replicaSet=… in the address, or remove it.' },
  NO_REPLICA_SET: {
    remedy:
      'Change streams need a replica set: start mongod with --replSet and initiate it; one member is enough.',
  },
  NO_ACCESS_CONTROL: {
    remedy:
      'Start mongod with access control (--auth and --keyFile) and use the address of an administrator.',
  },
  NOT_AUTHENTICATED: { remedy: 'Check the user, password and authSource in the address.' },
  RESERVED_NAME: { remedy: 'Rename the collection: Freshet uses this name itself.' },
  NOT_ALLOWED: {
    remedy:
      'Use a user that may create collections, roles and users, such as one with the role root. With hosted MongoDB, roles ' +
      'and users can often be created only in its console.',
  },
  USERS_OF_OTHERS: {
    remedy:
      'To give these users new passwords, which locks out services with the old ones, pass the address with --db. Otherwise unset the variable.',
  },
  NOT_MIGRATED: { remedy: 'Run the migration on this database first.' },
} as const satisfies Record<string, { readonly remedy: string }>

/** A migration failed. The message starts with `code` and ends with the remedy. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly code: keyof typeof migrationFailures

  constructor(code: keyof typeof migrationFailures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${migrationFailures[code].remedy}`, options)
    this.code = code
  }
}
