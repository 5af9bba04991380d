import { EVERYTHING } from './intervals.ts'
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

/** What a client that comes is told of the stream. */
export interface Recovery {
  readonly wasRecovering: boolean
  /** Nothing between what it had and now is missing, once it has the publications. */
  readonly recovered: boolean
  /** Where the client is before the publications. */
  readonly offset: Offset
  readonly publications: readonly Publication[]
}

/** How far one instance may be behind another, in seconds; an offset beyond that was never given to a client. */
const MAX_AHEAD_SECONDS = 60

/** What was missed, or that it cannot be told: never a part of it. `wallMs` is the time of a position publication. */
export function recover(
  stream: Stream,
  viewer: Viewer,
  asked: StreamPosition | undefined,
  wallMs: number,
): Recovery {
  const { ring, epoch, top } = stream
  if (asked === undefined) return { wasRecovering: false, recovered: false, offset: top, publications: [] }
  const reachable =
    asked.epoch === epoch &&
    ring.holdsAfter(asked.offset) &&
    secondOf(asked.offset) <= secondOf(top) + MAX_AHEAD_SECONDS
  const missed = reachable ? ring.replay(asked.offset, viewer) : undefined
  if (missed === undefined) return { wasRecovering: true, recovered: false, offset: top, publications: [] }
  const last = missed.at(-1)
  // Another instance was ahead: what the client has already is not sent again when it comes here.
  if (last === undefined)
    return { wasRecovering: true, recovered: true, offset: Math.max(top, asked.offset), publications: [] }
  const publications = isOld(last.offset, stream) ? [...missed, positionPublication(top, wallMs)] : missed
  return { wasRecovering: true, recovered: true, offset: asked.offset, publications }
}

/** A place in the older half of the ring is soon lost. */
function isOld(offset: Offset, { ring, top }: Stream): boolean {
  return offset < middleOf(ring.floor, top)
}

/** Halfway between two offsets. */
export function middleOf(floor: Offset, top: Offset): Offset {
  return floor + (top - floor) / 2
}

/** A user with the groups that their token adds. */
export function viewerOf({ user, groups }: UserEntry, byToken: readonly string[]): Viewer {
  if (byToken.length === 0) return { user, groups }
  return { user, groups: new Map([...groups, ...byToken.map((group) => [group, EVERYTHING] as const)]) }
}
