import type { ByteLease } from '@freshet/kit'
import { readIds } from '@freshet/protocol'
import { ABSENT, type Absent } from '@freshet/replica'
import { parameterOf, type ResponseBudget, type Route } from '@freshet/service'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { freshnessHeaders, representationOf, type CachedDocument } from './read-document.ts'
import { readMinFreshness, type FreshnessHeaders } from './freshness.ts'
import type { ReaderRouteParts } from './reader-handler.ts'

/** The most ids of one `?ids=`. */
const MAX_IDS = 200

/** `GET /{collection}?ids=a,b`: several documents at one position. */
export function readItems({ freshness, reads, room }: ReaderRouteParts): Route['answer'] {
  const items = new ItemsAnswer(room)
  return async (call) => {
    const { request, response, query } = call
    const required = readMinFreshness(request.headers)
    // Deduplicates the ids.
    const ids = [...new Set(readIds(query.get('ids') ?? '', MAX_IDS))]
    await reads.send(response, async (lease) => {
      const { answer, provedAtArrival } = await reads.read(
        parameterOf(call, 'collection'),
        ids,
        required,
        response,
      )
      const told = freshness.forAnswer(answer, provedAtArrival)
      return items.send(request, response, ids, answer.values, told, lease)
    })
  }
}

/** `{"items":[…],"missing":[…]}`, both in the order of the ids. Ids need no escaping in JSON. */
class Items {
  readonly byteLength: number
  readonly #bodies: readonly (string | Buffer)[]
  readonly #end: string

  constructor(ids: readonly string[], values: readonly (CachedDocument | Absent)[]) {
    const bodies: (string | Buffer)[] = []
    const missing: string[] = []
    values.forEach((value, index) => {
      if (value === ABSENT) missing.push(`"${ids[index] ?? ''}"`)
      else bodies.push(representationOf(value).body)
    })
    this.#bodies = bodies
    this.#end = `],"missing":[${missing.join(',')}]}`
    let length = START.length + Math.max(0, bodies.length - 1) + this.#end.length
    for (const body of bodies) length += body.length
    this.byteLength = length
  }

  toBytes(): Buffer {
    const bytes = Buffer.allocUnsafe(this.byteLength)
    let at = bytes.write(START, 0, 'latin1')
    this.#bodies.forEach((body, index) => {
      if (index > 0) at += bytes.write(',', at, 'latin1')
      at += typeof body === 'string' ? bytes.write(body, at, 'latin1') : body.copy(bytes, at)
    })
    bytes.write(this.#end, at, 'latin1')
    return bytes
  }
}

const START = '{"items":['

/** Sends responses with several documents. */
class ItemsAnswer {
  readonly #room: ResponseBudget

  constructor(room: ResponseBudget) {
    this.#room = room
  }

  /** Sends a 200. Returns 0 when sent, or the bytes it lacks memory for; nothing was sent then. */
  send(
    request: IncomingMessage,
    response: ServerResponse,
    ids: readonly string[],
    values: readonly (CachedDocument | Absent)[],
    freshness: FreshnessHeaders,
    lease?: ByteLease,
  ): number {
    const items = new Items(ids, values)
    const withBody = request.method !== 'HEAD'
    const enough = lease !== undefined && lease.bytes >= items.byteLength
    if (withBody && !enough && !this.#room.hasCapacity(items.byteLength)) return items.byteLength
    response.writeHead(200, {
      ...freshnessHeaders(freshness),
      'content-type': 'application/json',
      'content-length': items.byteLength,
    })
    if (withBody) this.#room.end(response, items.toBytes(), enough ? lease : undefined)
    else response.end()
    return 0
  }
}
