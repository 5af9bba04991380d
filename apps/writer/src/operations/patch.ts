import {
  applyJsonPatch,
  applyMergePatch,
  readArrayBody,
  readBody,
  type PatchRules,
} from '@freshet/documents-mongodb'
import { ProblemError } from '@freshet/protocol'
import type { Answer } from '../answer.ts'
import type { AskedOfDocument } from '../asked.ts'
import { bodyOf, judged } from '../bodies.ts'
import { expectPatch, type PatchFormat } from '../media-type.ts'
import type { StoredDocument } from '../store/contract.ts'
import { keptBytes, patchedOf } from './documents.ts'
import { changed, expectPreconditions } from './read-modify-write.ts'
import type { OperationParts } from './parts.ts'

/** A patch that was read, and the bytes that it takes. */
interface Patch {
  readonly apply: (stored: StoredDocument, rules: PatchRules) => StoredDocument
  readonly bytes: number
}

/**
 * Reads a patch once; it may be applied to several versions. Only its BSON is kept while the database is waited for: the
 * parsed value may take twenty times the memory of the body, and patches are applied without it. @throws {BodyError}
 */
const readPatch: Record<PatchFormat, (bytes: Uint8Array) => Patch> = {
  merge: (bytes) => {
    const patch = { json: {}, bson: readBody(bytes).bson }
    return { apply: (stored, rules) => applyMergePatch(stored, patch, rules), bytes: patch.bson.length }
  },
  json: (bytes) => {
    const patch = { json: [], bson: readArrayBody(bytes).bson }
    return { apply: (stored, rules) => applyJsonPatch(stored, patch, rules), bytes: patch.bson.length }
  },
}

/** `PATCH /v1/{collection}/{id}`: changes what is stored; values that the patch does not touch keep their bytes. */
export async function patch(parts: OperationParts, asked: AskedOfDocument): Promise<Answer> {
  const { request, collection, id, share, preconditions, preferences } = asked
  const format = expectPatch(request.headers['content-type'])
  const { apply, bytes } = readJudged(format, await bodyOf(asked, parts.maxBodyBytes))
  share.made(bytes)
  const { lenient } = preferences
  const { value, position } = await changed(parts, asked, (stored) => {
    expectPreconditions(preconditions, stored)
    if (!stored) throw new ProblemError('not-found')
    const next = judged(() => apply(stored, { id, lenient }))
    const fresh = patchedOf(next, collection)
    // Once it is written it must be answered.
    share.answers(fresh.version.json.length + keptBytes(asked, fresh.version, parts.maxBodyBytes))
    return { write: fresh.stored, value: fresh.version }
  })
  return { status: 200, position, version: value, location: undefined }
}

function readJudged(format: PatchFormat, bytes: Uint8Array): Patch {
  return judged(() => readPatch[format](bytes))
}
