import type { Collection } from '@freshet/documents'
import type { RequestHead, Need, Route, Who } from '@freshet/service'
import { hasCause } from './cause.ts'
import { idempotencyKeyOf } from './idempotent-request.ts'
import { create } from './operations/create.ts'
import { patch } from './operations/patch.ts'
import { put } from './operations/put.ts'
import { remove } from './operations/remove.ts'
import { collectionOf, onDocument, writing, type WriterRouteParts } from './write-route.ts'

/** The writer's routes; a new route is one file and one row. */
export function writerRoutes(parts: WriterRouteParts): readonly Route[] {
  const who = (head: RequestHead): Who | Need => whoMayWrite(collectionOf(parts, head), head)
  const path = '/{collection}/{id}'
  return [
    { methods: ['POST'], path: '/{collection}', who, answer: writing(parts, () => create) },
    { methods: ['PUT'], path, who, answer: writing(parts, onDocument(put)) },
    { methods: ['PATCH'], path, who, answer: writing(parts, onDocument(patch)) },
    { methods: ['DELETE'], path, who, answer: writing(parts, onDocument(remove)) },
  ]
}

/**
 * Public writes still require a token if the request has a cause, which affects other services, or an idempotency key,
 * which belongs to its caller. @throws {ProblemError} bad-header
 */
function whoMayWrite({ access }: Collection, { request: { headers } }: RequestHead): Who | Need {
  const key = idempotencyKeyOf(headers)
  if (access.write !== 'public') return 'authenticated'
  if (key === undefined && !hasCause(headers)) return 'public'
  const why = 'Expected an Authorization header: an Idempotency-Key or a cause belongs to its caller.'
  return { who: 'authenticated', why }
}
