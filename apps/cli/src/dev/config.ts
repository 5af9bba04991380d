import type { DatabaseKind } from './run-database.ts'

/** Options of `freshet dev`. */
export interface DevConfig {
  readonly readers: number
  readonly deliveries: number
  /** Port of the writer; readers and then deliveries use the next ones. 0: any free ports. */
  readonly port: number
  /** Address that writer, readers and deliveries listen on. Everything else listens on the loopback interface. */
  readonly host: string
  /** Origins for CORS; `*` for all. */
  readonly corsOrigins: readonly string[]
  readonly databaseKind: DatabaseKind
  /** Address of an existing database. */
  readonly db: string | undefined
  readonly database: string
  /** Directory of the collection files; the sample by default. */
  readonly collections: string | undefined
  readonly cacheSizeBytes: number
  /** `undefined`: readers take changes as they come. */
  readonly feedBatchMs: number | undefined
  readonly noSample: boolean
  /** Also write sample data to an existing database. */
  readonly sample: boolean
  readonly json: boolean
}
