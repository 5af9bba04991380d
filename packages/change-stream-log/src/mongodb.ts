import { bsonOfExtendedJson, mongodbCodec } from '@freshet/documents-mongodb'
import type { Id, IdType } from '@freshet/protocol'
import type { RowRecord, TruncateRecord } from './record.ts'

/** What to change if records of MongoDB lack something. */
export const mongodbRemedies = {
  clusterTime: 'Set cursor.pipeline as in docs/debezium.md, and take a new snapshot into a new topic.',
  postImages:
    'Enable changeStreamPreAndPostImages for the collection, and set capture.mode.full.update.type=post_image.',
} as const

/** The id in a key: extended JSON in a string. */
export function mongodbId(idType: IdType, key: string): Id | undefined {
  return mongodbCodec.idOf(idType, bsonOfExtendedJson(`{"_id":${textIn(key)}}`))
}

/** The document in `after`, as a reader that follows MongoDB itself serves it. */
export function mongodbDocument(after: string): Uint8Array {
  return mongodbCodec.encode(bsonOfExtendedJson(textIn(after))).json
}

/**
 * The pipeline of docs/debezium.md turns a dropped or renamed collection into a deletion whose id is an array: no document of
 * MongoDB has one.
 */
export function droppedCollection({ key, table, origin }: RowRecord): TruncateRecord | undefined {
  const [text = ''] = key.values()
  // Cheaper than to parse all.
  if (!text.startsWith('"[')) return undefined
  const id: unknown = JSON.parse(textIn(text))
  if (!Array.isArray(id)) return undefined
  const to: unknown = id[1]
  return {
    kind: 'truncate',
    table,
    renamedTo: typeof to === 'string' ? { ...table, table: to } : undefined,
    origin,
  }
}

function textIn(json: string): string {
  return String(JSON.parse(json))
}
