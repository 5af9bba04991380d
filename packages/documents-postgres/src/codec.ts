import {
  applyJsonPatch,
  BodyError,
  etagOf,
  uuidV7,
  type DocumentCodec,
  type JsonObject,
  type JsonValue,
  type Patch,
  type PatchFormat,
} from '@freshet/documents'
import { documentJson } from '@freshet/postgres-rules'
import { isValidId, type Id, type IdType } from '@freshet/protocol'
import { isUtf8 } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { checkedTreeOf, inexactFault, isMembers, textOf, treeOf, type JsonMembers } from './json-tree.ts'
import { membersTree } from './members-tree.ts'
import { applyMergePatch } from './merge-patch.ts'
import { maxDocumentBytes, sizedBytes } from './patch-rules.ts'

const kinds = { object: 'an object', array: 'an array' } as const

/** @throws {BodyError} bad-text, malformed-body */
function parsed(
  bytes: Uint8Array,
  kind: keyof typeof kinds,
): { readonly text: string; readonly json: JsonValue } {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!isUtf8(source)) throw new BodyError('bad-text', '', 'expected UTF-8')
  const text = source.toString('utf8')
  let json: JsonValue
  try {
    json = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BodyError('malformed-body', '', `expected JSON: ${why}`)
  }
  const found = kindOf(json)
  if (found !== kinds[kind])
    throw new BodyError('malformed-body', '', `expected a JSON ${kind}, got ${found}`)
  return { text, json }
}

function kindOf(json: JsonValue): string {
  if (json === null) return 'null'
  if (Array.isArray(json)) return kinds.array
  return typeof json === 'object' ? kinds.object : `a ${typeof json}`
}

/** The body as it is stored, without its id. Not inlined, so that the tree is released. */
function storedTextOf(text: string): string {
  const tree = checkedTreeOf(text)
  if (isMembers(tree)) tree.delete('id')
  return textOf(tree)
}

function isObject(json: JsonValue): json is JsonObject {
  return kindOf(json) === kinds.object
}

/** The members of a document without its id. */
function membersOf(stored: Uint8Array): JsonMembers {
  const tree = treeOf(Buffer.from(stored).toString('utf8'))
  const members: JsonMembers = isMembers(tree) ? tree : new Map()
  members.delete('id')
  return members
}

const apply: Record<
  PatchFormat,
  (members: JsonMembers, patch: string, rules: Parameters<Patch['apply']>[1]) => void
> = {
  merge: (members, text, rules) => {
    const patch = treeOf(text)
    if (isMembers(patch)) applyMergePatch(members, patch, rules)
  },
  json: (members, text, rules) => {
    const patch = treeOf(text)
    if (Array.isArray(patch)) applyJsonPatch(membersTree(members, rules), patch, rules)
  },
}

function readPatch(format: PatchFormat, body: Uint8Array): Patch {
  const { text } = parsed(body, format === 'merge' ? 'object' : 'array')
  const patch = textOf(checkedTreeOf(text))
  return {
    bytes: 2 * patch.length,
    apply: (stored, rules) => {
      const members = membersOf(stored)
      apply[format](members, patch, rules)
      return sizedBytes(documentJson(rules.id, textOf(members)))
    },
  }
}

/** Documents as a table of documents stores them: an id, and the JSON text of the members. In memory both are one text. */
export const postgresCodec: DocumentCodec = Object.freeze({
  maxStoredBytes: maxDocumentBytes,
  encode: (stored) => {
    const json = Buffer.from(stored)
    return { json, etag: etagOf(json) }
  },
  readDocument: (body) => {
    const { text, json } = parsed(body, 'object')
    const members = storedTextOf(text)
    return {
      json: isObject(json) ? json : {},
      toStored: (idType, id) => {
        if (!isValidId(idType, id))
          throw new RangeError(`Expected an id of type ${idType}, got ${JSON.stringify(id)}`)
        return Buffer.from(documentJson(id, members))
      },
    }
  },
  readPatch,
  newId: (idType) => newId(idType, Date.now()),
  idOf: (idType, stored) => {
    const json: unknown = JSON.parse(Buffer.from(stored).toString('utf8'))
    const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : undefined
    return typeof id === 'string' && isValidId(idType, id) ? id : undefined
  },
  firstNotPlain: (stored) => inexactFault(membersOf(stored)),
  firstNotStorable: () => undefined,
} satisfies DocumentCodec)

/** As for MongoDB: `objectid` is the time in seconds and a random rest. */
function newId(idType: IdType, nowMs: number): Id | undefined {
  if (idType === 'integer') return undefined
  if (idType !== 'objectid') return uuidV7(nowMs)
  const seconds = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, '0')
  return seconds + randomBytes(8).toString('hex')
}
