import type { BsonNode } from './tree.ts'
import type { JsonValue } from '@freshet/documents'
import { encodeJson } from './encode-json.ts'

/** Type and name of the only element of a document, `v`; the length before and the NUL behind are not counted. */
const headBytes = 3

/** One value as clients see it. Costs a document around it; for patches, not for the hot path. */
export function encodeValue(node: BsonNode): JsonValue {
  const bytes = Buffer.alloc(4 + headBytes + node.byteLength + 1)
  bytes.writeInt32LE(bytes.length, 0)
  bytes[4] = node.type
  bytes.write('v', 5)
  node.writeTo(bytes, 4 + headBytes)
  const { v }: { readonly v: JsonValue } = JSON.parse(encodeJson(bytes).toString('utf8'))
  return v
}
