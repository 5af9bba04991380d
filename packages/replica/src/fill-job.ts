import type { Absent, Fill } from '@freshet/cache'
import type { Backoff } from '@freshet/kit'
import type { Id, Position, SourceId } from '@freshet/protocol'
import type { ReplicaError } from './errors.ts'

/** How a fill ended for one caller. */
export type FillResult<V> =
  /** The document was in this state at `at`, and the cache has it, or had it a moment ago. */
  | { readonly kind: 'installed'; readonly value: V | Absent; readonly at: Position }
  /** The document was in this state at `at`. It changes faster than it can be read, so it is not cached. */
  | { readonly kind: 'earlier'; readonly value: V | Absent; readonly at: Position }
  /** The replica follows another source now: look the document up again. */
  | { readonly kind: 'source-changed' }
  | { readonly kind: 'failed'; readonly error: ReplicaError }

/** One caller's wait for one fill. */
export interface Caller<V> {
  /** The answer must not be older than this. */
  readonly floor: Position
  /** The answer must come from this source. */
  readonly source: SourceId | undefined
  readonly resolve: (result: FillResult<V>) => void
}

/** A key that is being filled, and its callers. */
export interface Job<V> {
  readonly fill: Fill<V>
  readonly collection: string
  readonly id: Id
  readonly callers: Set<Caller<V>>
  /** Created when the job first has to wait. */
  backoff: Backoff | undefined
  /** A larger document is not fetched. `SIZE_ONLY` asks for its size alone. */
  maxBytes: number
  /** Reads that the source did not answer. */
  failures: number
  /** Whether the last read failed because of its position. */
  positionUnavailable: boolean
}

/** A caller's handle on a fill. */
export interface FillTicket<V> {
  readonly result: Promise<FillResult<V>>
  /** Whether the fill was already running. */
  readonly joined: boolean
  /** Stops waiting. Other callers keep the fill. */
  readonly cancel: () => void
}
