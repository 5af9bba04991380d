export { mongodbCodec } from './codec.ts'
export { bsonOfExtendedJson } from './extended-json.ts'
export { idToBson } from './ids.ts'
export type { StoredId } from './ids.ts'
