import { ProblemError } from '@freshet/protocol'
import { receiveBody } from '@freshet/service'
import type { Answer } from '../answer.ts'
import type { AskedOfDocument } from '../asked.ts'
import { expectPatch } from '../media-type.ts'
import { patchedOf } from './documents.ts'
import { changed, expectPreconditions } from './looking.ts'
import type { OperationParts } from './parts.ts'

/** `PATCH /v1/{collection}/{id}`: changes what is stored; values that the patch does not touch keep their bytes. */
export async function patch(parts: OperationParts, asked: AskedOfDocument): Promise<Answer> {
  const { encoding, maxBodyBytes } = parts
  const { request, collection, preconditions, preferences } = asked
  const format = expectPatch(request.headers['content-type'])
  const body = encoding.read(await receiveBody(request, maxBodyBytes))
  const apply = format === 'merge' ? encoding.mergePatch : encoding.jsonPatch
  const { value, position } = await changed(parts, asked, (stored) => {
    expectPreconditions(encoding, preconditions, stored)
    if (!stored) throw new ProblemError('not-found')
    const fresh = patchedOf(encoding, collection, apply(stored, body, preferences.lenient))
    return { write: fresh.stored, value: fresh.version }
  })
  return { status: 200, position, version: value, location: undefined }
}
