export { Cache, MAX_RETRIES } from './cache.ts'
export type { Fill, FillDecision, FillOutcome } from './cache.ts'
export {
  BUFFER_OVERHEAD_BYTES,
  bufferBytes,
  ENTRY_OVERHEAD_BYTES,
  ownBuffer,
  textBytes,
  TEXT_OVERHEAD_BYTES,
} from './partial-store.ts'
export { ABSENT } from './store.ts'
export type { Absent, CacheOptions, Loss, RecentOptions, Value } from './store.ts'
