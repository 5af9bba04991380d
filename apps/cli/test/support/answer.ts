import type { IncomingHttpHeaders } from 'node:http'

/** A complete answer. */
export interface Got {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** An answer, and whether its connection ends with it. */
export interface Answer {
  readonly got: Got
  readonly closes: boolean
}

const HEAD_ENDS = '\r\n\r\n'

/**
 * Parses these bytes as an answer; `undefined` if it is still incomplete.
 * @param ended whether everything has arrived: an answer without a length extends to the end
 * @throws {Error} the bytes are not an answer, or more than one
 */
export function answerIn(bytes: Buffer, method: string, ended: boolean): Answer | undefined {
  const end = bytes.indexOf(HEAD_ENDS)
  if (end < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const [, code] = /^HTTP\/1\.1 (\d{3}) /.exec(first) ?? []
  if (code === undefined) throw new Error(`expected a status line, got ${JSON.stringify(first)}`)
  const headers = headersOf(lines)
  const status = Number(code)
  const rest = bytes.subarray(end + HEAD_ENDS.length)
  const body = bodyIn(rest, method === 'HEAD' || status === 204 || status === 304, headers, ended)
  if (body === undefined) return undefined
  if (body.taken < rest.length) throw new Error(`more than one answer: ${bytes.toString()}`)
  return { got: { status, headers, text: body.text }, closes: headers.connection === 'close' }
}

function headersOf(lines: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`expected a header, got ${JSON.stringify(line)}`)
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${String(before)}, ${value}`
  }
  return headers
}

interface Body {
  readonly text: string
  /** Its length in bytes. */
  readonly taken: number
}

function bodyIn(rest: Buffer, none: boolean, headers: IncomingHttpHeaders, ended: boolean): Body | undefined {
  if (none) return { text: '', taken: 0 }
  if (headers['transfer-encoding'] !== undefined) return chunksIn(rest)
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
  if (length === undefined) return ended ? { text: rest.toString(), taken: rest.length } : undefined
  return rest.length < length ? undefined : { text: rest.toString('utf8', 0, length), taken: length }
}

/** Decodes chunks, without trailers: https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
function chunksIn(rest: Buffer): Body | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const line = rest.indexOf('\r\n', at)
    if (line < 0) return undefined
    const length = Number.parseInt(rest.toString('latin1', at, line), 16)
    const next = line + 2 + length + 2
    if (next > rest.length) return undefined
    if (length === 0) return { text: Buffer.concat(chunks).toString(), taken: next }
    chunks.push(rest.subarray(line + 2, line + 2 + length))
    at = next
  }
}
