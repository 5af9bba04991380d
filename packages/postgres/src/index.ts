export { startPostgres } from './server.ts'
export type { Postgres, PostgresOptions } from './server.ts'
