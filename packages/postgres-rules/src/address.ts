/** Whether an address is one of PostgreSQL: `postgres://…` or `postgresql://…`. */
export function isPostgresAddress(uri: string): boolean {
  return /^postgres(?:ql)?:/.test(uri)
}

/** An address of PostgreSQL with this database in place of its own; `undefined` if it is not one. */
export function addressWithDatabase(uri: string, database: string): string | undefined {
  if (!isPostgresAddress(uri) || !URL.canParse(uri)) return undefined
  const address = new URL(uri)
  address.pathname = `/${encodeURIComponent(database)}`
  return address.href
}
