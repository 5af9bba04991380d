import { deserialize } from 'bson'

/** The field `value` of a document. */
export const valueIn = (document: Uint8Array): unknown => deserialize(document)['value']
