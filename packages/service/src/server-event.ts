/** One event of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export interface ServerEvent {
  /** Its type; default: `message`. Only with `data`: clients drop an event that has none. */
  readonly event?: string
  /** What a client sends as `Last-Event-ID` when it comes back; without CR, LF and NUL. Alone it is no event for the page. */
  readonly id?: string
  /** Any text; lines may end by CR, LF or both, and clients get LF. */
  readonly data?: string
  /** How long the client waits before it comes back, in milliseconds. */
  readonly retryMs?: number
}

/** A comment: it keeps proxies from taking the connection for dead, and no client reports it. */
export const COMMENT = ':\n\n'

/**
 * An event as it is sent; make it once for all streams that get it.
 * @throws {TypeError} a field cannot be sent: clients would read it as another one, or drop it.
 */
export function encodeEvent({ event, id, data, retryMs }: ServerEvent): string {
  if (event !== undefined && (event === '' || /[\r\n]/.test(event) || data === undefined))
    throw new TypeError('expected the type of an event in one line, and data with it')
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
  return `${lines.join('\n')}\n\n`
}
