import { serverOf, type ReadConnection } from '@freshet/guard'
import { controlCollection, identityId, sourceIdOf } from '@freshet/mongodb-rules'
import type { Position, SourceId } from '@freshet/protocol'
import { ChangeStreamError } from '@freshet/change-stream'
import { positionAt, timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'

/**
 * What says which history is behind an address: the document that the migration wrote into the database, or a name
 * given by whoever runs without a migration (and then answers for it that a restored copy gets another one).
 */
export type IdentityRule =
  { readonly kind: 'control' } | { readonly kind: 'named'; readonly timeline: string }

/** Which history this is, and how far it was for a majority when it was asked. */
export interface Identified {
  readonly source: SourceId
  /** `undefined`: the server does not tell, as for some seconds after its start; see {@link told}. */
  readonly at: Position | undefined
  /** Which process was asked; see `serverOf`. */
  readonly server: string | undefined
}

/**
 * One majority read that tells both.
 * @throws {ChangeStreamError} SOURCE_UNKNOWN: nothing was migrated here; DISCONNECTED, DENIED.
 */
export async function identify(
  connection: ReadConnection,
  rule: IdentityRule,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Identified> {
  const command = {
    find: controlCollection,
    filter: { _id: identityId },
    limit: 1,
    singleBatch: true,
    readConcern: { level: 'majority' },
  }
  const reply = await connection.run(command, { timeoutMs, signal }).catch((error: unknown) => {
    throw changeStreamErrorOf(error, 'ask which history this is')
  })
  const time = timeOfTimestamp(reply['operationTime'])
  const timeline: unknown = rule.kind === 'named' ? rule.timeline : reply['cursor']?.firstBatch?.[0]?.timeline
  if (typeof timeline !== 'string')
    throw new ChangeStreamError(
      'SOURCE_UNKNOWN',
      `expected { _id: '${identityId}', timeline: … } in '${connection.database}.${controlCollection}', found ${
        timeline === undefined ? 'none' : `a timeline of type ${typeof timeline}`
      }`,
    )
  return { source: sourceIdOf(timeline), at: time && positionAt(time), server: serverOf(reply) }
}

/** @throws {ChangeStreamError} DISCONNECTED: a member with access control tells no time until it has keys to sign it. */
export function told({ at }: Identified): Position {
  if (at !== undefined) return at
  throw new ChangeStreamError('DISCONNECTED', 'expected operationTime in a reply, found none yet')
}
