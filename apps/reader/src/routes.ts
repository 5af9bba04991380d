import { parameterOf, type ResponseBudget, type RequestHead, type Route } from '@freshet/service'
import type { Replica } from '@freshet/replica'
import type { Freshness } from './freshness.ts'
import type { CachedDocument } from './cached-document.ts'
import { readDocument, type DocumentAnswer } from './read-document.ts'
import { readItems } from './read-by-ids.ts'
import type { WaitingReads } from './waiting-reads.ts'

/** Who may read a collection: everyone, or everyone with a valid token. */
export type ReadAccess = 'public' | 'authenticated'

export interface ReaderRouteParts {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly freshness: Freshness
  readonly reads: WaitingReads<CachedDocument>
  readonly documents: DocumentAnswer
  readonly room: ResponseBudget
}

/** The routes of a reader. A new route is one file and one row. */
export function readerRoutes(parts: ReaderRouteParts): readonly Route[] {
  const who = (head: RequestHead): ReadAccess =>
    parts.access.get(parameterOf(head, 'collection')) ?? 'authenticated'
  return [
    { methods: ['GET'], path: '/{collection}/{id}', who, answer: readDocument(parts) },
    { methods: ['GET'], path: '/{collection}', who, query: ['ids'], answer: readItems(parts) },
  ]
}
