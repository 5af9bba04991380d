import { BSON, type Document } from 'mongodb'
import { frozen, type Frozen } from './frozen.ts'

/** A raw document of a reply as a JavaScript object that nobody can change: what many callers share must stay as it is. */
export function parseDocument(bytes: Uint8Array): Frozen<Document> {
  return frozen(BSON.deserialize(bytes))
}
