import { BSON, type Document } from 'mongodb'
import { frozen, frozenForAll, type Frozen, type FrozenValue } from './frozen.ts'

/** A raw document of a reply as a JavaScript object that nobody can change: what many callers share must stay as it is. */
export function parseDocument(bytes: Uint8Array): Frozen<Document> {
  return frozen(BSON.deserialize(bytes))
}

/** The same, with what its copies cost in memory: for whoever keeps many. */
export function parseDocumentToKeep(bytes: Uint8Array): FrozenValue<Document> {
  return frozenForAll(BSON.deserialize(bytes))
}
