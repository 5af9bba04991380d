import { bsonTypes } from '@freshet/bson'
import { BsonNode } from './tree.ts'
import { BodyError, expectSameId, pointerTo, type PatchRules } from '@freshet/documents'
import { encodeValue } from './encode-json.ts'
import { isPlainType } from './not-plain.ts'
import { expectSize } from './patch-rules.ts'

/** An empty object, created by a patch on its way down. */
const emptyDocument = Buffer.from([5, 0, 0, 0, 0])

/**
 * Applies RFC 7396 to a stored document: `null` deletes, objects merge, anything else replaces. Members that the patch
 * does not name keep their bytes. The body limits (64 levels) bound what it adds.
 * @throws {BodyError} id-mismatch; not-plain-json: it would merge into a value that JSON cannot represent;
 * payload-too-large.
 */
export function applyMergePatch(stored: Uint8Array, patch: Uint8Array, rules: PatchRules): Uint8Array {
  const target = BsonNode.root(stored)
  const source = BsonNode.root(patch)
  const id = source.members.get('id')
  if (id !== undefined) {
    expectSameId(encodeValue(id), rules)
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

/** Merges an object into an existing value. */
function merged(
  old: BsonNode | undefined,
  patch: BsonNode,
  path: readonly string[],
  rules: PatchRules,
): BsonNode {
  if (old !== undefined && !isPlainType(old.type) && !rules.lenient)
    throw new BodyError(
      'not-plain-json',
      pointerTo(path),
      'expected a JSON object to merge into, got a stored type that JSON cannot represent',
    )
  const target = old?.isDocument === true ? old : BsonNode.root(emptyDocument)
  merge(target, patch, path, rules)
  return target
}
