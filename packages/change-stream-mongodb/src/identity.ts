import { serverOf, type ReadConnection } from '@freshet/guard'
import { controlCollection, identityId, sourceIdOf } from '@freshet/mongodb-rules'
import type { Position, SourceId } from '@freshet/protocol'
import { ChangeStreamError } from '@freshet/change-stream'
import { positionAt, timeOfTimestamp } from './cluster-time.ts'
import { changeStreamErrorOf } from './driver-errors.ts'

/**
 * How a source is identified: by the control document that the migration wrote, or by a name from the operator, who
 * must then rename restored copies.
 */
export type IdentityRule =
  { readonly kind: 'control' } | { readonly kind: 'named'; readonly timeline: string }

/** The identity of a source and its latest majority-committed position when it was read. */
export interface SourceIdentity {
  readonly source: SourceId
  /** `undefined` if the server reported none, as in its first seconds; see {@link requirePosition}. */
  readonly at: Position | undefined
  /** The server process that replied; see `serverOf`. */
  readonly server: string | undefined
}

/**
 * Reads both in one majority read.
 * @throws {ChangeStreamError} SOURCE_UNKNOWN: the database was not migrated; DISCONNECTED, DENIED.
 */
export async function identify(
  connection: ReadConnection,
  rule: IdentityRule,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<SourceIdentity> {
  const command = {
    find: controlCollection,
    filter: { _id: identityId },
    limit: 1,
    singleBatch: true,
    readConcern: { level: 'majority' },
  }
  const reply = await connection.run(command, { timeoutMs, signal }).catch((error: unknown) => {
    throw changeStreamErrorOf(error, 'read the identity of the source')
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

/**
 * @throws {ChangeStreamError} DISCONNECTED: with access control, a member reports no time until it has loaded its
 * signing keys.
 */
export function requirePosition({ at }: SourceIdentity): Position {
  if (at !== undefined) return at
  throw new ChangeStreamError('DISCONNECTED', 'expected operationTime in a reply, got none yet')
}
