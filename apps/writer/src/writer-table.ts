import { messagesOff } from '@freshet/messages'
import type { ProblemCode } from '@freshet/protocol'
import {
  documentParameters,
  RouteTable,
  type Fail,
  type Route,
  type RunningRequests,
  type Verifier,
} from '@freshet/service'
import { messageParameters, messageRoutes, onlyReaders } from './messages/routes.ts'
import type { MessageParts } from './messages/parts.ts'
import { documentPath } from './operations/documents.ts'
import { type WriterRouteParts, writerRoutes } from './routes.ts'

/** The dependencies of a writer's routes; `openWriter` creates them. */
export interface Writer extends WriterRouteParts {
  readonly tokens: Verifier
  readonly fail: Fail
  readonly requests: Pick<RunningRequests, 'run'> | undefined
  /** Where documents are read, without a trailing slash. */
  readonly readerUrl: string | undefined
  readonly counts: WriteCounts
  /** `undefined`: messages are off. */
  readonly messages: MessageParts | undefined
}

/** Number of answers since the start. */
export interface WriteCounts {
  done: number
  replayed: number
  readonly problems: Map<ProblemCode, number>
}

/**
 * The writer's routes and additional ones.
 * @throws {TypeError} a collection has the same name as an additional route, or two routes match the same path.
 */
export function writerTable(writer: Writer, routes: readonly Route[]): RouteTable {
  const { collections, tokens, requests, readerUrl, messages } = writer
  const table = new RouteTable({
    routes: [...writerRoutes(writer), ...(messages ? messageRoutes(writer, messages) : []), ...routes],
    tokens,
    requests,
    parameters: {
      ...documentParameters((name) => collections.has(name), messages ? onlyReaders : messagesOff),
      ...(messages && messageParameters),
    },
    methodNotAllowedHeaders: ({ request: { method }, parameters: { collection, id } }) => {
      if (readerUrl === undefined || collection === undefined || (method !== 'GET' && method !== 'HEAD'))
        return {}
      const path = id === undefined ? `/v1/${collection}` : documentPath(collection, id)
      return { link: `<${readerUrl}${path}>; rel="alternate"` }
    },
  })
  table.rejectNameConflicts(collections.keys())
  return table
}
