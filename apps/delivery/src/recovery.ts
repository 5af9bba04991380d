import { EVERYTHING } from '@freshet/messages'
import { secondOf, type Offset } from './offset.ts'
import type { StreamPosition } from './protocol/command.ts'
import { positionPublication, type Publication } from './publication.ts'
import type { Ring, Viewer } from './ring.ts'
import type { UserEntry } from './user-entry.ts'

/** The stream as it is now. */
export interface Stream {
  readonly ring: Ring
  readonly epoch: string
  readonly top: Offset
}

/** The recovery part of a connect reply. */
export interface Recovery {
  readonly wasRecovering: boolean
  /** With the publications the client has missed nothing. */
  readonly recovered: boolean
  /** The client's offset before the publications. */
  readonly offset: Offset
  readonly publications: readonly Publication[]
}

/** How far an instance may lag behind another, in seconds. An offset further ahead is not one of ours. */
const MAX_AHEAD_SECONDS = 60

/** All publications that the client missed, or none of them and `recovered: false`. `wallMs`: the time of a position publication. */
export function recover(
  stream: Stream,
  viewer: Viewer,
  requested: StreamPosition | undefined,
  wallMs: number,
): Recovery {
  const { ring, epoch, top } = stream
  if (requested === undefined)
    return { wasRecovering: false, recovered: false, offset: top, publications: [] }
  const reachable =
    requested.epoch === epoch &&
    ring.holdsAfter(requested.offset) &&
    secondOf(requested.offset) <= secondOf(top) + MAX_AHEAD_SECONDS
  const missed = reachable ? ring.replay(requested.offset, viewer) : undefined
  if (missed === undefined) return { wasRecovering: true, recovered: false, offset: top, publications: [] }
  const last = missed.at(-1)
  // The client may come from an instance that was ahead: do not go back to our top.
  if (last === undefined)
    return { wasRecovering: true, recovered: true, offset: Math.max(top, requested.offset), publications: [] }
  const publications = isOld(last.offset, stream) ? [...missed, positionPublication(top, wallMs)] : missed
  return { wasRecovering: true, recovered: true, offset: requested.offset, publications }
}

/** Whether an offset is in the older half of the ring. */
function isOld(offset: Offset, { ring, top }: Stream): boolean {
  return offset < middleOf(ring.floor, top)
}

/** Halfway between two offsets. */
export function middleOf(floor: Offset, top: Offset): Offset {
  return floor + (top - floor) / 2
}

/** A user with the groups of the token added. */
export function viewerOf({ user, groups }: UserEntry, byToken: readonly string[]): Viewer {
  if (byToken.length === 0) return { user, groups }
  return { user, groups: new Map([...groups, ...byToken.map((group) => [group, EVERYTHING] as const)]) }
}
