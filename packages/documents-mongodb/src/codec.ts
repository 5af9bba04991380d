import { idFromDocument } from '@freshet/bson'
import { type DocumentCodec, type Patch, type PatchFormat } from '@freshet/documents'
import { readArrayBody, readBody, toStored } from './body.ts'
import { newId } from './ids.ts'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './merge-patch.ts'
import { firstNotPlain, firstNotStorable } from './not-plain.ts'
import { maxDocumentBytes } from './patch-rules.ts'
import { encodeDocument } from './encode-json.ts'

/** Keeps only the BSON of a patch; the parsed JSON is not needed to apply it. */
const readPatch: Record<PatchFormat, (body: Uint8Array) => Patch> = {
  merge: (body) => {
    const { bson } = readBody(body)
    return { bytes: bson.length, apply: (stored, rules) => applyMergePatch(stored, bson, rules) }
  },
  json: (body) => {
    const { bson } = readArrayBody(body)
    return { bytes: bson.length, apply: (stored, rules) => applyJsonPatch(stored, bson, rules) }
  },
}

/** Documents in BSON, as MongoDB stores them. */
export const mongodbCodec: DocumentCodec = Object.freeze({
  maxStoredBytes: maxDocumentBytes,
  encode: encodeDocument,
  readDocument: (bytes) => {
    const body = readBody(bytes)
    return { json: body.json, toStored: (idType, id) => toStored(body.bson, idType, id) }
  },
  readPatch: (format, body) => readPatch[format](body),
  newId: (idType) => newId(idType),
  idOf: idFromDocument,
  firstNotPlain: (stored) => {
    const pointer = firstNotPlain(stored)
    return pointer === undefined
      ? undefined
      : { pointer, detail: 'has a stored type that JSON cannot represent' }
  },
  firstNotStorable,
} satisfies DocumentCodec)
