import { ChangeStreamError } from '@freshet/change-stream'
import { bsonOfExtendedJson, mongodbCodec } from '@freshet/documents-mongodb'
import { isValidId, type Id, type IdType } from '@freshet/protocol'
import type { Followed } from './collections.ts'
import { documentOf } from './json-text.ts'
import type { RowRecord } from './record.ts'

/**
 * The id of a row; `undefined` if it is not valid, so that the row is not part of the collection.
 * @throws {ChangeStreamError} UNSUPPORTED: the key is not one column.
 */
export function idOf({ place, collection }: Followed, { key, origin }: RowRecord): Id | undefined {
  const [text, ...others] = key.values()
  if (text === undefined || others.length > 0)
    throw new ChangeStreamError(
      'UNSUPPORTED',
      `expected a key of one column for '${collection}', got ${[...key.keys()].join(', ') || 'none'}`,
      { remedy: 'Serve another table, or set message.key.columns to one unique column.' },
    )
  return origin.connector === 'mongodb' ? mongodbId(place.idType, text) : columnId(place.idType, text)
}

function columnId(idType: IdType, text: string): Id | undefined {
  const value: unknown = JSON.parse(text)
  // A number as written: a parser would round it.
  const id = typeof value === 'string' ? value : typeof value === 'number' ? text : undefined
  return id !== undefined && isValidId(idType, id) ? id : undefined
}

/** MongoDB's connector puts extended JSON into a string. */
function mongodbId(idType: IdType, text: string): Id | undefined {
  return mongodbCodec.idOf(idType, bsonOfExtendedJson(`{"_id":${String(JSON.parse(text))}}`))
}

/** The document of a row, as readers serve it: for MongoDB, the one that follows the database itself would serve. */
export function documentIn(after: string, connector: string): Uint8Array {
  return connector === 'mongodb'
    ? mongodbCodec.encode(bsonOfExtendedJson(String(JSON.parse(after)))).json
    : documentOf(after)
}
