import type { BsonNode } from './tree.ts'
import type { JsonValue } from '@freshet/documents'
import { encodeJson } from './encode-json.ts'

/** Type and name of the only element, `v`, without the document's length and the name's NUL. */
const headBytes = 3

/** Encodes one value as clients see it. Wraps it in a document: for patches, not for the hot path. */
export function encodeValue(node: BsonNode): JsonValue {
  const bytes = Buffer.alloc(4 + headBytes + node.byteLength + 1)
  bytes.writeInt32LE(bytes.length, 0)
  bytes[4] = node.type
  bytes.write('v', 5)
  node.writeTo(bytes, 4 + headBytes)
  const { v }: { readonly v: JsonValue } = JSON.parse(encodeJson(bytes).toString('utf8'))
  return v
}
