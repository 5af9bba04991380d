/** Errors of a migration and their remedies. */
const failures = {
  BAD_ADDRESS: { remedy: 'Correct the address: postgres://user:password@host:port/.' },
  UNREACHABLE: { remedy: 'Check the address, and that the server is running.' },
  NOT_AUTHENTICATED: { remedy: 'Check the user and password in the address, and pg_hba.conf.' },
  NOT_ALLOWED: {
    remedy:
      'Use a superuser: event triggers and users with REPLICATION need one. With hosted PostgreSQL, use its administrator, such as rds_superuser.',
  },
  UNSUPPORTED: { remedy: 'Change the server, then run the migration again.' },
  BAD_NAME: { remedy: 'Rename it.' },
  USERS_OF_OTHERS: {
    remedy:
      'To give these users new passwords, which locks out services with the old ones, pass the address with --db. Otherwise unset the variable.',
  },
} as const satisfies Record<string, { readonly remedy: string }>

/** A migration failed, and nothing was changed. The message starts with `code` and ends with the remedy. */
export class PostgresMigrationError extends Error {
  override readonly name = 'PostgresMigrationError'
  readonly code: keyof typeof failures

  constructor(code: keyof typeof failures, message: string, options?: ErrorOptions) {
    super(`${code}: ${message} ${failures[code].remedy}`, options)
    this.code = code
  }
}

/** By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const codes: Readonly<Record<string, PostgresMigrationError['code']>> = {
  '28000': 'NOT_AUTHENTICATED',
  '28P01': 'NOT_AUTHENTICATED',
  '42501': 'NOT_ALLOWED',
  '0A000': 'UNSUPPORTED',
  '55000': 'UNSUPPORTED',
}

/** Maps an error of the driver to one of ours. Unknown errors of the server are returned unchanged. */
export function migrationErrorOf(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('message' in error)) return error
  if (error instanceof PostgresMigrationError || error instanceof TypeError) return error
  const state = 'code' in error ? String(error.code) : ''
  const code = codes[state] ?? (isSqlState(state) ? undefined : 'UNREACHABLE')
  const message = `${String(error.message)}.`
  return code === undefined ? error : new PostgresMigrationError(code, message, { cause: error })
}

const isSqlState = (code: string): boolean => /^(?!57P0|08)[0-9A-Z]{5}$/.test(code)
