import { bsonTypes } from '@freshet/protocol'
import { bodyLimits } from './body-scan.ts'
import type { BsonNode } from './bson-tree.ts'
import { BodyError } from './errors.ts'
import { presentValue } from './present-value.ts'

/** What a patch is applied under. */
export interface PatchRules {
  /** The id of the document as clients write it. */
  readonly id: string
  /** `Prefer: handling=lenient`: values that JSON cannot carry may be changed inside, and get lost by it. */
  readonly lenient: boolean
}

/** MongoDB's limit for one document. */
const maxDocumentBytes = 16 * 1024 * 1024

/** A patch may name the id, but not change it. @throws {BodyError} id-mismatch */
export function idNode(node: BsonNode, { id }: PatchRules): void {
  const given = presentValue(node)
  if (given !== id && JSON.stringify(given) !== id)
    throw new BodyError(
      'id-mismatch',
      '/id',
      `expected ${JSON.stringify(id)} or nothing, got ${JSON.stringify(given)}`,
    )
}

/** The patched document, if it may be stored. @throws {BodyError} malformed-body, payload-too-large */
export function checkPatched(root: BsonNode): Uint8Array {
  checkLevels(root, 1)
  const bytes = root.toBytes()
  if (bytes.length > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${bytes.length}`,
    )
  return bytes
}

function checkLevels(node: BsonNode, level: number): void {
  if (level > bodyLimits.maxLevels)
    throw new BodyError(
      'malformed-body',
      '',
      `expected at most ${bodyLimits.maxLevels} levels after the patch`,
    )
  for (const [, inner] of node.members.entries())
    if (inner.type === bsonTypes.document || inner.type === bsonTypes.array) checkLevels(inner, level + 1)
}
