import { mongodbCodec } from '@freshet/documents-mongodb'
import { sourceIdOf } from '@freshet/mongodb-rules'
import type { Backend } from '../../src/store/contract.ts'

/** A backend without a database: calls of its store never resolve. */
export interface StalledBackend extends Backend {
  /** Number of store calls. */
  readonly held: () => number
}

export function stalledBackend(): StalledBackend {
  // Keeps the promises reachable, as a driver does: whatever waits for an unreachable promise is garbage-collected.
  const waiting: unknown[] = []
  const hold = (): Promise<never> => new Promise((resolve) => waiting.push(resolve))
  return {
    held: () => waiting.length,
    codec: mongodbCodec,
    store: { insert: hold, replace: hold, replacePlain: hold, remove: hold, change: hold, changeOnce: hold },
    control: { source: async () => sourceIdOf('a timeline'), beat: async () => ({ beats: 1 }) },
    onBroken: () => undefined,
    expectRights: async () => undefined,
    connection: { state: 'connected', renewals: 0 },
    parts: [],
  }
}
