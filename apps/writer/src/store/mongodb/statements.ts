/// <reference path="../../../../../types/mongodb-commands.d.ts" />
import type { StoredDocument } from '@freshet/documents'
import type { StoredId } from '@freshet/documents-mongodb'
import { positionOf, type Position } from '@freshet/protocol'
import { BSON, Timestamp, type Document } from 'mongodb'
import { DocumentSequence } from 'mongodb/lib/cmap/commands.js'
import { StoreError, type StoreErrorCode } from '../errors.ts'
import { refusedBy } from './driver-errors.ts'
import { isPlain } from './plain-filter.ts'

/** Hidden from command monitoring, which sees this instead. */
const unseen = {}

/** A command's array of documents, passed as bytes. */
export function listOf(field: string, ...documents: readonly Uint8Array[]): DocumentSequence {
  const list = new DocumentSequence(field)
  for (const bytes of documents) list.push(unseen, bytes)
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

/** DuplicateKey: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const duplicateKey = 11000

/**
 * The cluster time of the reply to a write command. A server without signing keys, as in its first seconds, omits
 * `operationTime`; `opTime`, which such replies contain for routers, is the same time. `undefined` if there is neither.
 */
export function positionIn(reply: Document): Position | undefined {
  return positionOfTime(reply['operationTime']) ?? positionOfTime(reply['opTime']?.ts)
}

/** `undefined` if it is not a time or is the zero time. */
export function positionOfTime(time: unknown): Position | undefined {
  return time instanceof Timestamp && time.t > 0 ? positionOf(time.t, time.i) : undefined
}

/** The errors of a write command's statements, by their index. */
export function writeErrorsOf(reply: Document): ReadonlyMap<number, Document> {
  const errors: unknown = reply['writeErrors']
  return new Map(
    Array.isArray(errors) ? errors.map((error: Document) => [Number(error['index']), error]) : [],
  )
}

/** The error of a write command's only statement; `undefined` if it succeeded. */
export function writeErrorOf(reply: Document): Document | undefined {
  return writeErrorsOf(reply).get(0)
}

/**
 * The error for a rejected statement. `at`: a majority has what caused the rejection. The cause may contain document
 * content and is only for the log.
 */
export function refusedStatement(error: Document, at?: Position): StoreError {
  const code = codeOf(error)
  return new StoreError(code, `the server rejected the statement with code ${String(error['code'])}`, {
    cause: error,
    ...(code === 'NOT_UNIQUE' && at !== undefined && { at }),
  })
}

function codeOf(error: Document): StoreErrorCode {
  const code: unknown = error['code']
  if (code !== duplicateKey) return refusedBy(code)
  // Every statement compares exactly, so another document's id was equal only by the collection's collation.
  return isOfId(error) && error['collation'] !== undefined ? 'NOT_EXACT' : 'NOT_UNIQUE'
}

/** Whether the statement failed because this exact `_id` exists. Other unique indexes do not count. */
export function isTakenId(error: Document): boolean {
  return isOfId(error) && error['collation'] === undefined
}

function isOfId(error: Document): boolean {
  const pattern: unknown = error['keyPattern']
  return error['code'] === duplicateKey && typeof pattern === 'object' && pattern !== null && '_id' in pattern
}
