import { formatSourcePosition, headers, parseSourcePosition } from '@freshet/protocol'
import { requestDirectly } from '../direct-request.ts'
import type { Answer, Question, ReaderClient } from './contract.ts'

const answerWithinMs = 10_000
/** Larger than any answer of a reader. */
const maxAnswerBytes = 2 ** 28

/** A reader, over HTTP. */
export class HttpReader implements ReaderClient {
  readonly url: string
  readonly #token: string | undefined

  constructor(url: string, token: string | undefined) {
    this.url = url
    this.#token = token
  }

  async ask(question: Question): Promise<Answer> {
    const { collection, ids, form, method } = question
    const names = ids.map(encodeURIComponent)
    const path = form === 'one' ? `/${names.join()}` : `?ids=${names.join()}`
    const answer = await requestDirectly(`${this.url}/v1/${collection}${path}`, {
      method,
      headers: this.#headersOf(question),
      signal: AbortSignal.timeout(answerWithinMs),
      maxBytes: maxAnswerBytes,
    })
    const { status, body } = answer
    const text = (name: string): string | undefined => {
      const value = answer.headers[name]
      return typeof value === 'string' ? value : undefined
    }
    const named = parseSourcePosition(text(headers.position) ?? '')
    return {
      status,
      body,
      etag: text('etag'),
      contentType: text('content-type'),
      contentLength: wholeNumber(text('content-length')),
      ageS: wholeNumber(text('age')),
      cacheStatus: text(headers.cacheStatus),
      problem: status < 400 ? undefined : problemOf(body),
      source: named?.source,
      position: named?.at,
    }
  }

  #headersOf({ condition, atLeast }: Question): Record<string, string> {
    return {
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      ...(condition && { [condition.kind === 'match' ? 'if-match' : 'if-none-match']: condition.etag }),
      ...(atLeast && { [headers.atLeast]: formatSourcePosition(atLeast.source, atLeast.at) }),
    }
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The last segment of the problem's `type`. */
function problemOf(body: Buffer): string | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : ''
    return type.split('/').at(-1) || undefined
  } catch {
    // The body may not be from a reader, or is empty for HEAD.
    return undefined
  }
}
