import { bsonTypes } from '@freshet/bson'
import { BsonNode } from './tree.ts'
import { BodyError, type PatchRules } from '@freshet/documents'
import { Operation } from './patch-operation.ts'
import { PatchWork } from './patch-rules.ts'

/** A patch of more operations is a sign of a loop somewhere. */
const maxOperations = 1_000

/**
 * RFC 6902 on a stored document: all operations or none. Moved, copied and untouched values keep their bytes; `test`
 * compares what clients see. Size and depth are watched at each operation, and so is the work: what is copied,
 * moved deeper, or replaced as a whole has 32 MiB together at most.
 * @throws {BodyError} bad-patch with the pointer of the operation; id-mismatch, not-plain-json, forbidden-name;
 *   malformed-body: too deep; payload-too-large.
 */
export function applyJsonPatch(stored: Uint8Array, patch: Uint8Array, rules: PatchRules): Uint8Array {
  const root = BsonNode.root(stored)
  const operations = BsonNode.root(patch, bsonTypes.array).members
  if (operations.length > maxOperations)
    throw new BodyError(
      'bad-patch',
      '',
      `expected at most ${maxOperations} operations, got ${operations.length}`,
    )
  const work = new PatchWork()
  for (const [index, operation] of operations.entries())
    new Operation(root, operation, `/${index}`, rules, work).run()
  return root.toBytes()
}
