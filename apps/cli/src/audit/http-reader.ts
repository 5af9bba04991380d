import { headers, parseSourcePosition } from '@freshet/protocol'
import { askDirectly } from '../ask-directly.ts'
import type { Answer, Question, ReaderDoor } from './contract.ts'

const answerWithinMs = 10_000
/** Beyond what a reader may answer at once. */
const maxAnswerBytes = 2 ** 30

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
    const answer = await askDirectly(`${this.url}/v1/${collection}${path}`, {
      headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(answerWithinMs),
      maxBytes: maxAnswerBytes,
    })
    const { status, body } = answer
    const position = answer.headers[headers.position]
    const named = parseSourcePosition(typeof position === 'string' ? position : '')
    return {
      status,
      body,
      etag: answer.headers.etag,
      problem: status < 400 ? undefined : problemOf(body),
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
