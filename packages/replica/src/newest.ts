import { SharedNext } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import { ReplicaError } from './errors.ts'
import type { BoundedReads } from './bounded-reads.ts'

/**
 * The position of the majority's state, for callers that want nothing older than their own call. Under load many share
 * one read. Rejects with {@link ReplicaError} UNAVAILABLE.
 */
export function newestOf(sourceReads: BoundedReads): SharedNext<Position> {
  return new SharedNext(async () => {
    try {
      return await sourceReads.head()
    } catch (error) {
      throw new ReplicaError('UNAVAILABLE', 'the source could not be asked for its newest position', {
        cause: error,
      })
    }
  })
}
