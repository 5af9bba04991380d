import { headers, parseSourcePosition } from '@freshet/protocol'
import type { Answer, Question, ReaderDoor } from './contract.ts'

const answerWithinMs = 10_000

/** A reader behind its public port. */
export class HttpReader implements ReaderDoor {
  readonly url: string
  readonly #token: string | undefined

  constructor(url: string, token: string | undefined) {
    this.url = url
    this.#token = token
  }

  async ask({ collection, ids, form }: Question): Promise<Answer> {
    const names = ids.map(encodeURIComponent)
    const path = form === 'one' ? `/${names.join()}` : `?ids=${names.join()}`
    const response = await fetch(`${this.url}/v1/${collection}${path}`, {
      headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(answerWithinMs),
    })
    const body = Buffer.from(await response.arrayBuffer())
    const named = parseSourcePosition(response.headers.get(headers.position) ?? '')
    return {
      status: response.status,
      body,
      etag: response.headers.get('etag') ?? undefined,
      problem: response.status < 400 ? undefined : problemOf(body),
      source: named?.source,
      position: named?.at,
    }
  }
}

/** The code at the end of the problem's `type`. */
function problemOf(body: Buffer): string | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : ''
    return type.split('/').at(-1) || undefined
  } catch {
    // Something else than a reader may have answered.
    return undefined
  }
}
