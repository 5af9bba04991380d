export type * from './bench.ts'
