/// <reference path="../../../../../types/mongodb-commands.d.ts" />
import type { StoredDocument } from '@freshet/documents'
import type { StoredId } from '@freshet/documents-mongodb'
import { BSON, type Document } from 'mongodb'
import { DocumentSequence } from 'mongodb/lib/cmap/commands.js'
import { isPlain } from './plain-filter.ts'

/** Not shown to monitors of commands, which see this instead. */
const unseen = {}

/** A command's list with one document in it, given as bytes. */
export function listOfOne(field: string, bytes: Uint8Array): DocumentSequence {
  const list = new DocumentSequence(field)
  list.push(unseen, bytes)
  return list
}

/** Ids are compared exactly, whatever collation the collection has: by another one `ABC` is the document `abc` too. */
export const exactly = { collation: { locale: 'simple' } } as const

/** The statement of an `update` command that replaces the document of `id` by these very bytes. */
export function replacement(id: StoredId, document: StoredDocument, upsert: boolean): Uint8Array {
  return withDocument(BSON.serialize({ q: { _id: id }, upsert, ...exactly }), 'u', document)
}

/** As {@link replacement}, for a document that is there and that {@link isPlain}. */
export function plainReplacement(id: StoredId, document: StoredDocument): Uint8Array {
  const filter = withDocument(BSON.serialize({ _id: id }), '$expr', isPlain)
  return withDocument(withDocument(exactlyFields, 'q', filter), 'u', document)
}

/** The statement of a `delete` command. */
export function removal(id: StoredId): Document {
  return { q: { _id: id }, limit: 1, ...exactly }
}

const exactlyFields = BSON.serialize(exactly)

const TYPE_DOCUMENT = 0x03

/** A document with one more element at its end, itself a document in BSON (https://bsonspec.org/spec.html). */
function withDocument(fields: Uint8Array, name: string, document: Uint8Array): Uint8Array {
  const nameAt = fields.length
  const valueAt = nameAt + name.length + 1
  const bytes = Buffer.allocUnsafe(valueAt + document.length + 1)
  bytes.set(fields)
  // The type takes the place of the byte that ended the fields.
  bytes[nameAt - 1] = TYPE_DOCUMENT
  bytes.write(`${name}\0`, nameAt, 'latin1')
  bytes.set(document, valueAt)
  bytes[bytes.length - 1] = 0
  bytes.writeInt32LE(bytes.length, 0)
  return bytes
}
