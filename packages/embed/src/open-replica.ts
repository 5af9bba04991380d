import { mongoSource, type IdentityRule } from '@freshet/change-stream-mongodb'
import { openReadConnection } from '@freshet/guard'
import type { HandlerOptions } from '@freshet/handlers'
import { systemClock, type Log } from '@freshet/kit'
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

/** What a service says to hold a replica; the rest has defaults. */
export interface OpenReplicaOptions<V extends Value> {
  /** The address of a replica set, with a user who may only read: one who may write is refused. */
  readonly uri: string
  readonly database: string
  /**
   * The collections to serve, with the type of their `_id`s: `{ orders: 'string' }`. One that shall have another name here
   * than in the database: `{ profiles: { idType: 'string', stored: 'userProfiles' } }`.
   */
  readonly collections: Readonly<Record<string, CollectionPlace>>
  /** What is kept of a document; `asDocuments` keeps frozen objects. */
  readonly encoder: Encoder<V>
  readonly options?: Partial<ReplicaOptions>
  /** Without `freshet migrate`: a name for this history, which must be another one after every restore. */
  readonly timeline?: string
  /** The longest wait for the first proof that it is current, in milliseconds; 30,000 by default. */
  readonly liveWithinMs?: number
  /** For `onChange`: the name of this service, and how its handlers are kept from loops. */
  readonly handlers?: HandlerOptions
  /** Default: says nothing. */
  readonly log?: Log
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/**
 * Opens a replica with connections of its own and follows until it is closed. Resolves when the replica is live.
 * @throws {ReplicaError} BAD_OPTION: what was given is none, and nothing was opened.
 * @throws {GuardError} the address is wrong, cannot be reached, or its user may do more than read.
 * @throws {ReplicaError} UNAVAILABLE: it did not get live in time; it is closed then.
 */
export async function openReplica<V extends Value>(
  given: OpenReplicaOptions<V>,
): Promise<EmbeddedReplica<V>> {
  const collections = checkGiven(given)
  const { uri, database, encoder, timeline, log = silent } = given
  const connection = await openReadConnection({ uri, database, appName: 'freshet-replica', log })
  const identity: IdentityRule = timeline === undefined ? { kind: 'control' } : { kind: 'named', timeline }
  const options = { ...defaultReplicaOptions, ...given.options }
  const handlers = given.handlers ?? { service: 'service' }
  let replica: HandledReplica<V>
  try {
    const clock = systemClock
    const parts = replicaParts({
      ...mongoSource({ feed: connection, reads: connection, collections, identity, clock }),
      collections,
      encoder,
      options,
      clock,
      random: Math.random,
      log,
      ended: () => connection.close(),
    })
    replica = new HandledReplica({ ...parts, database, handlers })
  } catch (error) {
    // A name or an option that is none: nobody else would close what was opened.
    await connection.close()
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
