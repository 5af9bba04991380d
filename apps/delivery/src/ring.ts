import type { Interval } from '@freshet/messages'
import { secondOf, type Offset } from './offset.ts'
import { withoutBody, type Publication } from './publication.ts'
import { cut, RingLane, type Range } from './ring-lane.ts'

/** The user that a replay is for. */
export interface Viewer {
  readonly user: string
  readonly groups: ReadonlyMap<string, readonly Interval[]>
}

/** The most that one replay returns: more could overflow the client's send buffer at every reconnect. */
export interface ReplayLimits {
  readonly publications: number
  readonly bytes: number
}

/** The limits of the protocol. */
export const REPLAY_LIMITS: ReplayLimits = { publications: 300, bytes: 512 * 2 ** 10 }

/** Memory of a publication beside its text: the object, its lane entries and its entry in the index by id. */
const OVERHEAD_BYTES = 320
const RECIPIENT_BYTES = 16

/**
 * The latest publications in memory, bounded by bytes. Replays come from here, without a database read. Every publication
 * after the floor is present.
 */
export class Ring {
  readonly #maxBytes: number
  readonly #all = new RingLane()
  readonly #lanes = new Map<string, RingLane>()
  readonly #byId = new Map<string, Publication>()
  /** The latest edit of each message that has one. */
  readonly #edits = new Map<string, string>()
  #floor: Offset = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Every publication with a greater offset is present. */
  get floor(): Offset {
    return this.#floor
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#all.size
  }

  /** How far back a client can recover, in seconds, when the feed is at `top`. */
  windowSeconds(top: Offset): number {
    return Math.max(0, secondOf(top) - secondOf(this.#floor))
  }

  /** Removes everything. Nothing is known of changes up to `floor`. */
  clear(floor: Offset): void {
    while (this.#all.size > 0) this.#evict()
    this.#floor = floor
  }

  /**
   * Adds the latest publication and evicts the oldest ones. One that is larger than the ring is evicted at once. An edit or
   * deletion removes the body of the original and of the edit before.
   */
  add(publication: Publication): void {
    const { id, ref } = publication
    if (ref !== undefined) {
      this.#dropBody(ref)
      this.#dropBody(this.#edits.get(ref))
      if (id !== undefined) this.#edits.set(ref, id)
    }
    this.#all.push(publication)
    for (const lane of lanesOf(publication)) this.#laneFor(lane).push(publication)
    if (id !== undefined) this.#byId.set(id, publication)
    this.#bytes += sizeOf(publication)
    while (this.#bytes > this.#maxBytes) this.#evict()
  }

  #dropBody(id: string | undefined): void {
    const old = id === undefined ? undefined : this.#byId.get(id)
    if (old?.id === undefined) return
    const bare = withoutBody(old)
    this.#byId.set(old.id, bare)
    this.#all.replace(bare)
    for (const lane of lanesOf(bare)) this.#lanes.get(lane)?.replace(bare)
    this.#bytes += sizeOf(bare) - sizeOf(old)
  }

  /** Whether everything after `offset` is present. */
  holdsAfter(offset: Offset): boolean {
    return offset >= this.#floor
  }

  /** The viewer's publications after an offset, in order; `undefined`: more than the limits allow. */
  replay(
    offset: Offset,
    viewer: Viewer,
    limits: ReplayLimits = REPLAY_LIMITS,
  ): readonly Publication[] | undefined {
    const range = { after: offset, before: Infinity, limit: limits.publications + 1, latest: false }
    const found = this.select(range, viewer)
    const bytes = found.reduce((sum, publication) => sum + publication.bytes, 0)
    return found.length > limits.publications || bytes > limits.bytes ? undefined : found
  }

  /** The viewer's publications in a range, in order. */
  select(range: Range, { user, groups }: Viewer): readonly Publication[] {
    const own = this.#lanes.get(userLane(user))?.select(range) ?? []
    const shared = [...groups].flatMap(
      ([group, intervals]) => this.#lanes.get(groupLane(group))?.select(range, intervals) ?? [],
    )
    const all = [...own, ...shared].sort((a, b) => a.offset - b.offset)
    return cut(all, range.limit, range.latest)
  }

  #evict(): void {
    const publication = this.#all.shift()
    if (publication === undefined) return
    for (const name of lanesOf(publication)) {
      const lane = this.#lanes.get(name)
      lane?.shift()
      if (lane?.size === 0) this.#lanes.delete(name)
    }
    const { id, ref } = publication
    if (id !== undefined && this.#byId.get(id) === publication) this.#byId.delete(id)
    if (ref !== undefined && this.#edits.get(ref) === id) this.#edits.delete(ref)
    this.#bytes -= sizeOf(publication)
    this.#floor = publication.offset
  }

  #laneFor(name: string): RingLane {
    const lane = this.#lanes.get(name) ?? new RingLane()
    this.#lanes.set(name, lane)
    return lane
  }
}

const userLane = (user: string): string => `u${user}`
const groupLane = (group: string): string => `g${group}`

function lanesOf({ audience }: Publication): readonly string[] {
  return audience.kind === 'group' ? [groupLane(audience.group)] : audience.users.map(userLane)
}

/** V8 stores two bytes a character as soon as one of them is outside Latin-1. */
function sizeOf({ json, bytes, audience }: Publication): number {
  const text = bytes === json.length ? bytes : 2 * json.length
  return text + OVERHEAD_BYTES + (audience.kind === 'users' ? RECIPIENT_BYTES * audience.users.length : 0)
}
