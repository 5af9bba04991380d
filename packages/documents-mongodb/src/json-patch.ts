import { bsonTypes } from '@freshet/bson'
import { BsonNode } from './tree.ts'
import { BodyError, type PatchRules } from '@freshet/documents'
import { Operation } from './patch-operation.ts'
import { PatchBudget } from './patch-rules.ts'

/** More operations suggest a runaway loop. */
const maxOperations = 1_000

/**
 * Applies RFC 6902 to a stored document, all or nothing. Moved, copied and untouched values keep their bytes; `test`
 * compares what clients see. Each operation checks size and depth, and a patch may copy, move deeper or replace at most
 * 32 MiB.
 * @throws {BodyError} bad-patch with the operation's pointer; id-mismatch, not-plain-json, forbidden-name;
 * malformed-body: too deep; payload-too-large.
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
  const budget = new PatchBudget()
  for (const [index, operation] of operations.entries())
    new Operation(root, operation, `/${index}`, rules, budget).run()
  return root.toBytes()
}
