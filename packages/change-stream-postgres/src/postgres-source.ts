import type { ChangeSource, SourceReads } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import type { CollectionPlace, Id } from '@freshet/protocol'
import { tablesOf } from '@freshet/postgres-rules'
import { Fences } from './fences.ts'
import { FollowedServer } from './identity.ts'
import { LogPosition } from './log-position.ts'
import { defaultPostgresSourceOptions, type PostgresSourceOptions } from './options.ts'
import { PublishedTables } from './published-tables.ts'
import { ReadOnlyUser, type ReadOnlyStatus } from './read-only-user.ts'
import { PostgresReads } from './reads.ts'
import { ReplicationStream } from './replication-stream.ts'
import { Sessions, sessionsAt } from './session.ts'
import { PostgresSource } from './source.ts'
import { AppliedTransactions } from './transactions.ts'

export interface PostgresConnection {
  /**
   * The connection string of a user with LOGIN and REPLICATION who may only read. With several hosts, such as
   * `postgres://reader:secret@a:5432,b:5432/`, the primary among them is followed.
   */
  readonly uri: string
  /** Shown in `pg_stat_activity`; the feed's has `-feed` behind it. */
  readonly appName: string
  /** The publication with the tables of all collections. */
  readonly publication: string
  /** `stored`: a table, such as `orders` or `sales.orders`. */
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly clock: Clock
  readonly options?: Partial<PostgresSourceOptions>
}

/** The feed of a PostgreSQL database and its reads. */
export interface PostgresSourceAndReads {
  readonly source: ChangeSource
  readonly reads: SourceReads
  readonly user: {
    /** Rejects if the user may write. Also checked by each start. @throws {ChangeStreamError} */
    readonly prove: () => Promise<void>
    readonly status: () => ReadOnlyStatus
  }
  /**
   * Ids of some rows, at random from all of a small table, or from some pages of a large one. For audits.
   * @throws {ChangeStreamError}
   */
  readonly sampleIds: (collection: string, limit: number) => Promise<readonly Id[]>
  /** Closes all connections. */
  readonly close: () => Promise<void>
}

/**
 * Opens nothing yet: connections are made when they are needed.
 * @throws {TypeError} a collection has no valid table, or the address is not valid.
 */
export function postgresSource(connection: PostgresConnection): PostgresSourceAndReads {
  const { uri, appName, publication, collections, clock } = connection
  const options = { ...defaultPostgresSourceOptions, ...connection.options }
  const tables = tablesOf(collections)
  const withinMs = options.replyWithinMs
  const session = sessionsAt({ uri, appName, withinMs })
  const control = new Sessions({ ...session, max: controlSessions })
  const sessions = new Sessions({ ...session, max: readSessions })
  const query: Sessions['query'] = (...args) => control.query(...args)
  const applied = new AppliedTransactions()
  const followed = new FollowedServer()
  const log = new LogPosition(query, followed, applied)
  const fences = new Fences({ clock, nudgeAfterMs: options.nudgeAfterMs, nudge: () => log.nudge() })
  const published = new PublishedTables({ query, clock })
  const shared = { tables, publication, applied, followed, log, fences, published }
  const open = (): Promise<ReplicationStream> =>
    ReplicationStream.open({ ...session, appName: `${appName}-feed` })
  const user = new ReadOnlyUser({ query, tables, session })
  const source = new PostgresSource({ ...shared, open, query, user, clock, options })
  const reads = new PostgresReads({ ...shared, query: (...args) => sessions.query(...args) })
  return {
    user: { prove: () => user.prove(), status: () => user.status() },
    source,
    reads,
    sampleIds: (collection, limit) => reads.sampleIds(collection, limit),
    close: async () => {
      fences.stop()
      source.close()
      await Promise.all([control.close(), sessions.close()])
    },
  }
}

/** As many as a replica reads at the same time. */
const readSessions = 8
/** For heads and nudges. */
const controlSessions = 2
