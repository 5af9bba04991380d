/** The parts of a replica over MongoDB. No service needs them individually, so no package exports them. */
// @boundaries-ignore measured apart from the server
export { BatchAssembler } from '../../packages/change-stream-mongodb/src/batch-assembler.ts'
// @boundaries-ignore measured apart from the server
export { WatchList } from '../../packages/change-stream-mongodb/src/event.ts'
// @boundaries-ignore measured apart from the server
export type { Feed } from '../../packages/replica/src/feed.ts'
// @boundaries-ignore measured apart from the server
export { ExactReplica } from '../../packages/replica/src/replica.ts'
