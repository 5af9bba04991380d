import type { ChangeHandler, HandlerStatus } from '@freshet/guard'
import type { Replica } from '@freshet/replica'

/** A replica in a service that does something because of changes. */
export interface EmbeddedReplica<V> extends Replica<V> {
  /**
   * Calls `handler` for every change of its collections from now on, one at a time and in order, until what is returned
   * is disposed of or the replica is closed. What it writes through the writer, or through a client that
   * `watchWrites` of `@freshet/guard` was given, is kept from making a loop.
   * @throws {GuardError} BAD_HANDLER. @throws {ReplicaError} UNKNOWN_COLLECTION
   */
  onChange(handler: ChangeHandler): AsyncDisposable
  /** What its handlers did, for status pages and metrics. */
  handlers(): readonly HandlerStatus[]
}
