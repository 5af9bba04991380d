import { bsonTypes, idFromDocument } from '@freshet/bson'
import {
  applyJsonPatch,
  type DocumentCodec,
  type Patch,
  type PatchFormat,
  type PatchRules,
} from '@freshet/documents'
import { bsonTree } from './bson-tree.ts'
import { readArrayBody, readBody, toStored } from './body.ts'
import { newId } from './ids.ts'
import { applyMergePatch } from './merge-patch.ts'
import { firstNotStorable, plainFault } from './not-plain.ts'
import { maxDocumentBytes } from './patch-rules.ts'
import { encodeDocument } from './encode-json.ts'
import { BsonNode } from './tree.ts'

function patched(stored: Uint8Array, patch: Uint8Array, rules: PatchRules): Uint8Array {
  const root = BsonNode.root(stored)
  applyJsonPatch(bsonTree(root), BsonNode.root(patch, bsonTypes.array).members, rules)
  return root.toBytes()
}

/** Keeps only the BSON of a patch; the parsed JSON is not needed to apply it. */
const readPatch: Record<PatchFormat, (body: Uint8Array) => Patch> = {
  merge: (body) => {
    const { bson } = readBody(body)
    return { bytes: bson.length, apply: (stored, rules) => applyMergePatch(stored, bson, rules) }
  },
  json: (body) => {
    const { bson } = readArrayBody(body)
    return { bytes: bson.length, apply: (stored, rules) => patched(stored, bson, rules) }
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
  firstNotPlain: plainFault,
  firstNotStorable,
} satisfies DocumentCodec)
