import { ProblemError } from '@freshet/protocol'
import type { IncomingMessage } from 'node:http'

/**
 * More headers than this are 431. Node.js would leave out the rest, a condition too, and say nothing; without any limit a
 * head of 16 KiB takes 240 KiB of memory, as three thousand headers.
 */
export const MAX_HEADERS = 200

/** `uri-host [ ":" port ]` of RFC 9110, 7.2; RFC 3986, 3.2.2. It may be empty. */
const HOST =
  /^(?:\[[\dA-Fa-f:.]+\]|\[v[\dA-Fa-f]+\.[\w.~!$&'()*+,;=:-]+\]|(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})*)(?::\d*)?$/

/** As Node.js reads it before it asks for the body. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i

/** What every request has to keep to, whatever it asks for: where parties read a head differently, one can be fooled. */
export class HeadRules {
  #goodHost = ''

  /** What is wrong with a head; the connection cannot be trusted any more then. */
  problemOf({ headers, rawHeaders, httpVersion }: IncomingMessage): ProblemError | undefined {
    if (rawHeaders.length > 2 * MAX_HEADERS)
      return new ProblemError('headers-too-large', { detail: `Expected at most ${MAX_HEADERS} headers.` })
    const { host } = headers
    const coding = headers['transfer-encoding']
    if (httpVersion !== '1.1') {
      if (httpVersion !== '1.0') return bad('Expected HTTP/1.1.')
      // RFC 9112, 6.1: its framing is taken for broken.
      if (coding !== undefined) return bad('Expected no Transfer-Encoding in HTTP/1.0.')
    } else {
      if (host === undefined) return bad('Expected a Host header.')
      const { expect } = headers
      if (expect !== undefined && !CONTINUE.test(expect)) return new ProblemError('expectation-failed')
      if (coding !== undefined && coding.toLowerCase() !== 'chunked')
        return bad('Expected no transfer coding but chunked.')
    }
    if (host === undefined || host === this.#goodHost) return undefined
    // RFC 9112, 3.2. Of two headers Node.js makes one, with a comma and a space.
    if (!HOST.test(host)) return bad('Expected one Host header: a name or an address, and perhaps a port.')
    this.#goodHost = host
    return undefined
  }
}

function bad(detail: string): ProblemError {
  return new ProblemError('bad-request', { detail })
}
