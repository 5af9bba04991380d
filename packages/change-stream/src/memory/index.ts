export type { MemoryWrite } from './history.ts'
export { MemorySource } from './source.ts'
export type { MemorySourceParts } from './source.ts'
