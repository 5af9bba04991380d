export { deeperThan, elementEnd, valueStart } from './elements.ts'
export { BsonCursor, bsonTypes, idFromBson, idFromDocument, nameEnd, startsAt, uint32At } from './raw-bson.ts'
export { BsonWriter } from './writer.ts'
