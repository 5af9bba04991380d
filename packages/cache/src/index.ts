export { ABSENT } from './absent.ts'
export type { Absent, Value } from './absent.ts'
export { Cache } from './cache.ts'
export type { CacheOptions, RecentOptions } from './cache.ts'
export { MAX_RETRIES } from './fill.ts'
export type { Fill, FillDecision, FillOutcome } from './fill.ts'
export {
  BUFFER_OVERHEAD_BYTES,
  bufferBytes,
  ENTRY_OVERHEAD_BYTES,
  ownBuffer,
  textBytes,
  TEXT_OVERHEAD_BYTES,
} from './sizes.ts'
export type { Loss } from './store.ts'
