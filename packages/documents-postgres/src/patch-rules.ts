import { BodyError } from '@freshet/documents'

/** The largest document. PostgreSQL allows 1 GB, but readers return at most 16 MiB. */
export const maxDocumentBytes = 16 * 1024 * 1024

/** The bytes of a patched document. @throws {BodyError} payload-too-large */
export function sizedBytes(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > maxDocumentBytes)
    throw new BodyError(
      'payload-too-large',
      '',
      `expected at most ${maxDocumentBytes} bytes after the patch, got ${bytes.length}`,
    )
  return bytes
}
