import { parameterOf, type ResponseBudget, type RequestHead, type Route } from '@freshet/service'
import type { Replica } from '@freshet/replica'
import type { FactSheet } from './facts.ts'
import type { CachedDocument } from './cached-document.ts'
import { readDocument, type DocumentAnswer } from './read-document.ts'
import { readItems } from './read-by-ids.ts'
import type { PatientReads } from './patient-reads.ts'

/** Who may read a collection: everybody, or everybody with a valid token. */
export type ReadAccess = 'public' | 'authenticated'

/** What the routes answer with. */
export interface ReaderRouteParts {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly facts: FactSheet
  readonly reads: PatientReads<CachedDocument>
  readonly documents: DocumentAnswer
  readonly room: ResponseBudget
}

/** What a reader answers: a new route is a file and a row. */
export function readerRoutes(parts: ReaderRouteParts): readonly Route[] {
  const who = (head: RequestHead): ReadAccess =>
    parts.access.get(parameterOf(head, 'collection')) ?? 'authenticated'
  return [
    { methods: ['GET'], path: '/{collection}/{id}', who, answer: readDocument(parts) },
    { methods: ['GET'], path: '/{collection}', who, query: ['ids'], answer: readItems(parts) },
  ]
}
