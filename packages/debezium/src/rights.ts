/** What the user of a connector may do, as in docs/debezium.md. */

/** The role of MongoDB's connector. Debezium follows the change stream of the whole deployment, and lists the collections of the database. */
export function mongoDbPrivileges(database: string): readonly {
  readonly resource: { readonly db: string; readonly collection: string }
  readonly actions: readonly string[]
}[] {
  return [
    { resource: { db: '', collection: '' }, actions: ['find', 'changeStream'] },
    { resource: { db: database, collection: '' }, actions: ['listCollections'] },
  ]
}

/**
 * Statements of PostgreSQL's superuser.
 * @param user has LOGIN and REPLICATION.
 * @param tables with their schema.
 */
export function postgresRights(user: string, tables: readonly string[]): readonly string[] {
  const all = tables.join(', ')
  const schemas = new Set(tables.map((table) => table.slice(0, table.indexOf('.'))))
  return [
    `GRANT USAGE ON SCHEMA ${[...schemas].join(', ')} TO ${user}`,
    `GRANT SELECT ON ${all} TO ${user}`,
    `CREATE PUBLICATION dbz_publication FOR TABLE ${all}`,
  ]
}

/** Statements of the administrator of MySQL or MariaDB. */
export function binaryLogRights(user: string, database: string): readonly string[] {
  return [
    `GRANT SELECT ON ${database}.* TO ${user}`,
    `GRANT RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${user}`,
  ]
}
