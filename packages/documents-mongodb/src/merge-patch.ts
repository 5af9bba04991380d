import { bsonTypes } from '@freshet/bson'
import { BsonNode } from './tree.ts'
import { BodyError, pointerTo, type PatchRules } from '@freshet/documents'
import { expectSize, idNode } from './patch-rules.ts'

/** No members: an object that a patch makes on its way down. */
const emptyDocument = Buffer.from([5, 0, 0, 0, 0])

/**
 * RFC 7396 on a stored document: `null` takes away, objects are merged, all else replaces. What the patch does not name
 * keeps its bytes. A body has 64 levels at most, and so has what it puts in place.
 * @throws {BodyError} id-mismatch; not-plain-json: it goes inside a value that JSON cannot carry; payload-too-large.
 */
export function applyMergePatch(stored: Uint8Array, patch: Uint8Array, rules: PatchRules): Uint8Array {
  const target = BsonNode.root(stored)
  const source = BsonNode.root(patch)
  const id = source.members.get('id')
  if (id !== undefined) {
    idNode(id, rules)
    source.members.delete('id')
  }
  merge(target, source, [], rules)
  expectSize(target)
  return target.toBytes()
}

function merge(target: BsonNode, patch: BsonNode, path: readonly string[], rules: PatchRules): void {
  for (const [name, value] of patch.members.entries()) {
    const here = [...path, name]
    if (value.type === bsonTypes.null) target.members.delete(name)
    else if (value.isDocument) target.members.set(name, merged(target.members.get(name), value, here, rules))
    else target.members.set(name, value)
  }
}

/** An object laid over whatever was there. */
function merged(
  old: BsonNode | undefined,
  patch: BsonNode,
  path: readonly string[],
  rules: PatchRules,
): BsonNode {
  if (old !== undefined && isWritten(old) && !rules.lenient)
    throw new BodyError(
      'not-plain-json',
      pointerTo(path),
      'expected a JSON object to merge into, got a value that JSON cannot carry',
    )
  const target = old?.isDocument === true ? old : BsonNode.root(emptyDocument)
  merge(target, patch, path, rules)
  return target
}

/** Values that clients see as objects or texts, but are neither. */
function isWritten({ type }: BsonNode): boolean {
  return !plainTypes.has(type)
}

const plainTypes: ReadonlySet<number> = new Set([
  bsonTypes.string,
  bsonTypes.document,
  bsonTypes.array,
  bsonTypes.boolean,
  bsonTypes.null,
  bsonTypes.int32,
  bsonTypes.int64,
  bsonTypes.double,
])
