/** What can go wrong in a migration, and what a person does about it. */
export const migrationFailures = {
  BAD_ADDRESS: { remedy: 'Correct the address: mongodb://user:password@host:port/?replicaSet=name.' },
  UNREACHABLE: { remedy: 'Check the address, that the server runs, and that its replica set has a primary.' },
  MEMBERS_UNREACHABLE: {
    remedy:
      'Add directConnection=true to the address, which then speaks to the one server that it names, or make these names known here.',
  },
  WRONG_SET: { remedy: 'Correct replicaSet=… in the address, or take it away.' },
  NO_REPLICA_SET: {
    remedy:
      'Only a replica set tells of changes: start mongod with --replSet and initiate it; one member is enough.',
  },
  NO_ACCESS_CONTROL: {
    remedy:
      'Start mongod with access control (--auth, with --keyFile) and give the address of an administrator.',
  },
  NOT_AUTHENTICATED: { remedy: 'Check user, password and authSource in the address.' },
  RESERVED_NAME: { remedy: 'Give the collection another name: this one is used for the control documents.' },
  NOT_ALLOWED: {
    remedy:
      'Use a user that may create collections, roles and users, such as one with the role root. Where MongoDB is hosted, ' +
      'roles and users are often made in its own console only.',
  },
  USERS_OF_OTHERS: {
    remedy:
      'Give the address by --db to mean it: they get new passwords, and who uses the old ones is shut out. Or take the variable away.',
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
