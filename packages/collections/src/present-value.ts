import type { JsonValue } from './contract.ts'
import type { BsonNode } from './bson-tree.ts'
import { BsonBytes } from './bson-bytes.ts'
import { presentJson } from './present-json.ts'

/** One value as clients see it. Costs a document around it; for patches, not for the hot path. */
export function presentValue(node: BsonNode): JsonValue {
  const out = new BsonBytes()
  const bytes = node.toBytes()
  const mark = out.open()
  out.byte(node.type)
  out.utf8('v')
  out.byte(0)
  out.raw(bytes, 0, bytes.length)
  out.close(mark)
  const { v }: { readonly v: JsonValue } = JSON.parse(presentJson(out.copy()).toString('utf8'))
  return v
}
