export { mongodbCodec } from './codec.ts'
export { idToBson } from './ids.ts'
export type { StoredId } from './ids.ts'
