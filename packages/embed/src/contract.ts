import type { ChangeHandler, HandlerStatus } from '@freshet/handlers'
import type { Replica } from '@freshet/replica'

/** A replica embedded in a service that reacts to changes. */
export interface EmbeddedReplica<V> extends Replica<V> {
  /**
   * Calls `handler` for every subsequent change of its collections, one at a time and in order, until the returned
   * object is disposed of or the replica is closed. Writes through the `fetch` of its context, or through a client
   * passed to `watchWrites`, cannot form a loop.
   * @throws {HandlerError} BAD_HANDLER.
   * @throws {ReplicaError} UNKNOWN_COLLECTION
   */
  onChange(handler: ChangeHandler): AsyncDisposable
  /** The state of its handlers, for status pages and metrics. */
  handlers(): readonly HandlerStatus[]
}
