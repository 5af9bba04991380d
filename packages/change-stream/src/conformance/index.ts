export type { BenchWrite, SourceBench } from './bench.ts'
export { describeChangeSource } from './describe-source.ts'
export { Hearing } from './hearing.ts'
export { Recorder } from './recorder.ts'
