import { DevDatabase } from './database.ts'
import { DevPostgres, type DevPostgresOptions } from './postgres-database.ts'
import type { DatabaseKind, RunDatabase } from './run-database.ts'

/** The database of a run, not started yet. Only this file chooses its kind. */
export function openDatabase(kind: DatabaseKind, options: DevPostgresOptions): RunDatabase {
  if (kind === 'postgres') return new DevPostgres(options)
  const collections = [...options.collections].map(([name, place]) =>
    typeof place === 'string' ? name : place.stored,
  )
  return new DevDatabase({ ...options, collections })
}
