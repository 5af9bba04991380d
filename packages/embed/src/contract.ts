import type { ChangeHandler, HandlerStatus } from '@freshet/handlers'
import type { Replica } from '@freshet/replica'

/** A replica in a service that does something because of changes. */
export interface EmbeddedReplica<V> extends Replica<V> {
  /**
   * Calls `handler` for every change of its collections from now on, one at a time and in order, until what is returned
   * is disposed of or the replica is closed. What it writes by the `fetch` of its context, or
   * through a client that `watchWrites` was given, is kept from making a loop.
   * @throws {HandlerError} BAD_HANDLER. @throws {ReplicaError} UNKNOWN_COLLECTION
   */
  onChange(handler: ChangeHandler): AsyncDisposable
  /** What its handlers did, for status pages and metrics. */
  handlers(): readonly HandlerStatus[]
}
