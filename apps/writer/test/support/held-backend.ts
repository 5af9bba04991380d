import { mongodbCodec } from '@freshet/documents-mongodb'
import { sourceIdOf } from '@freshet/mongodb-rules'
import type { Backend } from '../../src/store/contract.ts'

/** A backend without a database: what is asked of its store is never answered. */
export interface HeldBackend extends Backend {
  /** Calls of the store so far. */
  readonly held: () => number
}

export function heldBackend(): HeldBackend {
  // Kept, as a driver keeps them: what waits for a promise that nobody can settle any more is garbage.
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
