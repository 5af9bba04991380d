/// <reference path="../../../../../types/mongodb-commands.d.ts" />
import type { StoredDocument } from '@freshet/documents'
import type { StoredId } from '@freshet/documents-mongodb'
import { BSON, type Document } from 'mongodb'
import { DocumentSequence } from 'mongodb/lib/cmap/commands.js'
import { isPlain } from './plain-filter.ts'

/** Hidden from command monitoring, which sees this instead. */
const unseen = {}

/** A command's array with one document, passed as bytes. */
export function listOfOne(field: string, bytes: Uint8Array): DocumentSequence {
  const list = new DocumentSequence(field)
  list.push(unseen, bytes)
  return list
}

/** Compare ids exactly, whatever the collection's collation: otherwise `ABC` might match `abc`. */
export const exactly = { collation: { locale: 'simple' } } as const

/** An `update` statement that replaces the document with this `id` by exactly these bytes. */
export function replacement(id: StoredId, document: StoredDocument, upsert: boolean): Uint8Array {
  return withDocument(BSON.serialize({ q: { _id: id }, upsert, ...exactly }), 'u', document)
}

/** Like {@link replacement}, but only for an existing document that matches {@link isPlain}. */
export function plainReplacement(id: StoredId, document: StoredDocument): Uint8Array {
  const filter = withDocument(BSON.serialize({ _id: id }), '$expr', isPlain)
  return withDocument(withDocument(exactlyFields, 'q', filter), 'u', document)
}

/** A `delete` statement. */
export function removal(id: StoredId): Document {
  return { q: { _id: id }, limit: 1, ...exactly }
}

const exactlyFields = BSON.serialize(exactly)

const TYPE_DOCUMENT = 0x03

/** Appends an element to a document; its value is itself a document (https://bsonspec.org/spec.html). */
function withDocument(fields: Uint8Array, name: string, document: Uint8Array): Uint8Array {
  const nameAt = fields.length
  const valueAt = nameAt + name.length + 1
  const bytes = Buffer.allocUnsafe(valueAt + document.length + 1)
  bytes.set(fields)
  // The type byte replaces the document's terminator.
  bytes[nameAt - 1] = TYPE_DOCUMENT
  bytes.write(`${name}\0`, nameAt, 'latin1')
  bytes.set(document, valueAt)
  bytes[bytes.length - 1] = 0
  bytes.writeInt32LE(bytes.length, 0)
  return bytes
}
