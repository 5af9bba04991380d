import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import { type DocumentRequest, expectPatch, readBody, withBodyProblems } from '../write-request.ts'
import { storedAnswerBytes, patchedVersionOf } from './documents.ts'
import { expectPreconditions, type OperationParts, readModifyWrite } from './placed.ts'

/** `PATCH /v1/{collection}/{id}`: modifies a document. Untouched values keep their bytes. */
export async function patch(parts: OperationParts, asked: DocumentRequest): Promise<Answer> {
  const { codec, maxBodyBytes } = parts
  const { request, collection, id, share, preferences } = asked
  const format = expectPatch(request.headers['content-type'])
  const body = await readBody(asked, maxBodyBytes)
  const { apply, bytes } = withBodyProblems(() => codec.readPatch(format, body))
  share.made(bytes)
  const { lenient } = preferences
  const { value, position } = await readModifyWrite(parts, asked, (stored) => {
    expectPreconditions(parts, asked, stored)
    if (!stored) throw new ProblemError('not-found')
    const next = withBodyProblems(() => apply(stored, { id, lenient }))
    const fresh = patchedVersionOf(codec, next, collection)
    // Reserve memory for the response before writing.
    share.answers(fresh.version.json.length + storedAnswerBytes(asked, fresh.version, maxBodyBytes))
    return { write: fresh.stored, value: fresh.version }
  })
  return { status: 200, position, version: value, location: undefined }
}
