export type { MemoryWrite } from './history.ts'
export { FencedReads, SnapshotReads } from './reads.ts'
export { MemorySource } from './source.ts'
export type { MemorySourceParts } from './source.ts'
