import type { HandlerOptions } from '@freshet/handlers'
import { systemClock, type Log } from '@freshet/kit'
import { isPostgresAddress } from '@freshet/postgres-rules'
import type { CollectionPlace } from '@freshet/protocol'
import {
  defaultReplicaOptions,
  ReplicaError,
  replicaParts,
  type Encoder,
  type Replica,
  type ReplicaOptions,
  type Value,
} from '@freshet/replica'
import { checkGiven } from './check-given.ts'
import type { EmbeddedReplica } from './contract.ts'
import { HandledReplica } from './handled-replica.ts'

/** Options of a replica. */
export interface OpenReplicaOptions<V extends Value> {
  /**
   * The address of a replica set of MongoDB, or of PostgreSQL (`postgres://…`), with a read-only user: a user who can write is
   * rejected.
   */
  readonly uri: string
  readonly database: string
  /**
   * The collections or tables to serve, with the type of their ids: `{ orders: 'string' }`. To serve one under another name:
   * `{ profiles: { idType: 'string', stored: 'userProfiles' } }`.
   */
  readonly collections: Readonly<Record<string, CollectionPlace>>
  /** Decides what is cached of a document; `asDocuments` caches frozen objects of MongoDB, `asRows` those of PostgreSQL. */
  readonly encoder: Encoder<V>
  readonly options?: Partial<ReplicaOptions>
  /** MongoDB without `freshet migrate`: a name for this history, which must change with every restore. */
  readonly timeline?: string
  /** PostgreSQL: the publication with the tables. Default `freshet`. */
  readonly publication?: string
  /** The longest wait until the replica is live, in milliseconds. Default 30,000. */
  readonly liveWithinMs?: number
  /** For `onChange`: the name of this service, and its loop protection. */
  readonly handlers?: HandlerOptions
  /** Default: no logging. */
  readonly log?: Log
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/**
 * Opens a replica with its own connections and follows until it is closed. Resolves when the replica is live.
 * @throws {ReplicaError} BAD_OPTION: an option is invalid, and nothing was opened.
 * @throws {GuardError} MongoDB: the address is wrong or unreachable, or its user can do more than read.
 * @throws {ChangeStreamError} PostgreSQL: DISCONNECTED, DENIED; UNSUPPORTED: its user can do more than read.
 * @throws {ReplicaError} UNAVAILABLE: it was not live in time, and is closed.
 */
export async function openReplica<V extends Value>(
  given: OpenReplicaOptions<V>,
): Promise<EmbeddedReplica<V>> {
  const collections = checkGiven(given)
  const { uri, database, encoder, timeline, publication, log = silent } = given
  // A service needs only one of the drivers.
  const open = isPostgresAddress(uri)
    ? (await import('./postgres/open-source.ts')).openPostgresSource
    : (await import('./mongodb/open-source.ts')).openMongoSource
  const { source, reads, close } = await open({ uri, database, collections, timeline, publication, log })
  const options = { ...defaultReplicaOptions, ...given.options }
  const handlers = given.handlers ?? { service: 'service' }
  let replica: HandledReplica<V>
  try {
    const clock = systemClock
    const parts = replicaParts({
      source,
      reads,
      collections,
      encoder,
      options,
      clock,
      random: Math.random,
      log,
      ended: close,
    })
    replica = new HandledReplica({ ...parts, database, handlers })
  } catch (error) {
    // Invalid names and options are only detected here: close the connection again.
    await close()
    throw error
  }
  await live(replica, given.liveWithinMs ?? 30_000)
  return replica
}

async function live(replica: Replica<Value>, withinMs: number): Promise<void> {
  const waiting = new AbortController()
  const late = systemClock.sleep(withinMs, waiting.signal).then(() => 'late' as const)
  const first = await Promise.race([replica.start(), late])
  waiting.abort()
  if (first !== 'late') return
  const { state } = replica
  await replica.close()
  const why = state.kind === 'lost' ? `lost: ${state.reason}` : state.kind
  throw new ReplicaError('UNAVAILABLE', `expected to be live within ${withinMs} ms, is ${why}`)
}
