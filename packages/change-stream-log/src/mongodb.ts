import { bsonOfExtendedJson, mongodbCodec } from '@freshet/documents-mongodb'
import type { Id, IdType } from '@freshet/protocol'
import type { RowRecord, TruncateRecord } from './record.ts'

/** What to change if records of MongoDB lack something. */
export const mongodbRemedies = {
  clusterTime: 'Set cursor.pipeline as in docs/debezium.md, and create the topic anew.',
  postImages:
    'Enable changeStreamPreAndPostImages for the collection, set capture.mode.full.update.type=post_image, and create the topic anew.',
} as const

/** The id in a key: extended JSON in a string. */
export function mongodbId(idType: IdType, key: string): Id | undefined {
  return mongodbCodec.idOf(idType, bsonOfExtendedJson(`{"_id":${textIn(key)}}`))
}

/** The document in `after`, as a reader that follows MongoDB itself serves it. */
export function mongodbDocument(after: string): Uint8Array {
  return mongodbCodec.encode(bsonOfExtendedJson(textIn(after))).json
}

/** The pipeline of docs/debezium.md turns a dropped or renamed collection into a deletion of an id of this form. */
export function droppedCollection({ key, table, origin }: RowRecord): TruncateRecord | undefined {
  const [text = ''] = key.values()
  // Cheaper than to parse all.
  if (!text.includes(String.raw`{\"freshet\"`)) return undefined
  const id: unknown = JSON.parse(textIn(text))
  if (id === null || typeof id !== 'object' || !('freshet' in id)) return undefined
  const to = 'to' in id && typeof id.to === 'string' ? { ...table, table: id.to } : undefined
  return { kind: 'truncate', table, renamedTo: to, origin }
}

function textIn(json: string): string {
  return String(JSON.parse(json))
}
