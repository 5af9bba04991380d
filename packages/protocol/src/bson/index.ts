export { idFromBson, idFromDocument } from './id.ts'
export { bsonSize, bsonTypes, nameEnd, uint32At } from './scan.ts'
