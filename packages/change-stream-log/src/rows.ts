import { ChangeStreamError } from '@freshet/change-stream'
import { isValidId, type Id, type IdType } from '@freshet/protocol'
import type { Followed } from './collections.ts'
import { documentOf } from './json-text.ts'
import { mongodbDocument, mongodbId } from './mongodb.ts'
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
  if (typeof value === 'object' && value !== null)
    throw new ChangeStreamError(
      'UNSUPPORTED',
      `expected a text or a number as the key, got ${text.slice(0, 80)}`,
      {
        remedy:
          'Set decimal.handling.mode=string, and take a new snapshot into a new topic, or serve another table.',
      },
    )
  // A number as written: a parser would round it.
  const id = typeof value === 'string' ? value : typeof value === 'number' ? text : undefined
  return id !== undefined && isValidId(idType, id) ? id : undefined
}

/** The document of a row, as readers serve it. */
export function documentIn(after: string, connector: string): Uint8Array {
  return connector === 'mongodb' ? mongodbDocument(after) : documentOf(after)
}
