import type { BsonNode } from './tree.ts'
import { BodyError } from '@freshet/documents'

/** The size limit of a stored document: https://www.mongodb.com/docs/manual/reference/limits/ */
export const maxDocumentBytes = 16 * 1024 * 1024

/** Constant time: nodes know their size. @throws {BodyError} payload-too-large */
export function expectSize({ byteLength }: BsonNode): void {
  if (byteLength > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${byteLength}`,
    )
}
