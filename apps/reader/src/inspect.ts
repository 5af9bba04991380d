import { ProblemError } from '@freshet/protocol'
import { ABSENT, type Replica } from '@freshet/replica'
import { parameterOf, type Route } from '@freshet/service'
import { representationOf, type CachedDocument } from './read-document.ts'

/** What a reader has cached under one id, for operators. */
interface Inspected {
  /** `absence`: it is known that there is no such document. `no`: the next request reads the database. */
  readonly held: 'document' | 'absence' | 'no'
  readonly etag: string | undefined
  /** Of the JSON. */
  readonly bytes: number | undefined
  /** The position of everything that is cached; `undefined` before the source is known. */
  readonly position: string | undefined
  /** Time since the state was last proved current. */
  readonly ageMs: number | undefined
}

/**
 * `GET /cachez/{collection}/{id}` on the management port: what is cached, without its content. Counts neither as a request nor
 * as a use, so looking changes nothing.
 */
export function inspectRoute(
  replica: Pick<Replica<CachedDocument>, 'inspect' | 'positionText' | 'status'>,
  collections: ReadonlyMap<string, unknown>,
): Route {
  return {
    methods: ['GET'],
    path: '/cachez/{collection}/{id}',
    who: 'public',
    answer: (call) => {
      const collection = parameterOf(call, 'collection')
      if (!collections.has(collection)) throw new ProblemError('not-found', { detail: 'No such collection.' })
      const value = replica.inspect(`${collection}/${parameterOf(call, 'id')}`)
      const document = value === undefined || value === ABSENT ? undefined : representationOf(value)
      const { ageMs } = replica.status()
      const inspected: Inspected = {
        held: value === undefined ? 'no' : document === undefined ? 'absence' : 'document',
        etag: document?.etag,
        bytes: document?.body.length,
        position: replica.positionText,
        ageMs: ageMs === undefined ? undefined : Math.round(ageMs),
      }
      const text = `${JSON.stringify(inspected)}\n`
      call.response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      })
      call.response.end(text)
    },
  }
}
