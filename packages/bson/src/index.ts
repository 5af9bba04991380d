export { BsonBytes } from './bytes.ts'
export { documentEnd, elementEnd, rawDeeperThan, valueStart } from './elements.ts'
export { idFromBson, idFromDocument } from './id.ts'
export { bsonSize, bsonTypes, nameEnd, uint32At } from './scan.ts'
