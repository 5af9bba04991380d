/** One event of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. No text may have a lone surrogate. */
export interface ServerEvent {
  /** The event type; default: `message`. Requires `data`: clients ignore events without it. */
  readonly event?: string
  /** Sent back as `Last-Event-ID` on reconnect; without CR, LF and NUL. Alone it only sets the id. */
  readonly id?: string
  /** Any text; CR, LF and CRLF all arrive as LF. */
  readonly data?: string
  /** Reconnect delay of the client, in milliseconds. */
  readonly retryMs?: number
}

/** A comment: keeps proxies from closing the connection; clients ignore it. */
export const COMMENT = ':\n\n'

/** With the flag `u`, a pair of surrogates is one character of another kind. */
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Encodes an event; encode once for all streams.
 * @throws {TypeError} a field would be misread or dropped by clients.
 */
export function encodeEvent({ event, id, data, retryMs }: ServerEvent): string {
  for (const [name, text] of Object.entries({ event, id, data }))
    if (text !== undefined && LONE_SURROGATE.test(text))
      throw new TypeError(`expected ${name} without lone surrogates, which UTF-8 cannot encode`)
  if (event !== undefined && (event === '' || /[\r\n]/.test(event) || data === undefined))
    throw new TypeError('expected an event type on one line, with data')
  // oxlint-disable-next-line no-control-regex -- NUL is what clients refuse in an id.
  if (id !== undefined && /[\r\n\0]/.test(id)) throw new TypeError('expected an id without CR, LF and NUL')
  if (retryMs !== undefined && !(Number.isSafeInteger(retryMs) && retryMs >= 0))
    throw new TypeError(`expected whole milliseconds, got ${retryMs}`)
  const lines = [
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(retryMs === undefined ? [] : [`retry: ${retryMs}`]),
    ...(data === undefined ? [] : data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`)),
  ]
  if (lines.length === 0) throw new TypeError('expected an event with at least one field')
  return `${lines.join('\n')}\n\n`
}
