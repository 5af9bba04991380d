import type { ByteLease, Clock, MonotonicMs } from '@freshet/kit'
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

/**
 * Why a stream ended: the client disconnected, it was too slow, the process is draining, the app ended it, or its heartbeat
 * threw. Clients reconnect after each of these.
 */
export type StreamEnd = 'gone' | 'slow' | 'drained' | 'ended' | 'failed'

export interface EventStreamParts {
  readonly response: ServerResponse
  readonly lease: ByteLease
  /** The most unread bytes for this client. */
  readonly maxBufferBytes: number
  readonly clock: Clock
  readonly onEnd: (stream: EventStream, why: StreamEnd) => void
}

const HEAD = {
  'content-type': 'text/event-stream',
  // `no-transform`: compression would buffer events.
  'cache-control': 'no-store, no-transform',
  // Disables buffering in nginx: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
  'x-accel-buffering': 'no',
}

/** An event stream to one client; created by `EventStreams.open`. */
export class EventStream {
  readonly #parts: EventStreamParts
  readonly #over = new AbortController()
  #wroteAt: MonotonicMs

  constructor(parts: EventStreamParts) {
    this.#parts = parts
    this.#wroteAt = parts.clock.now()
    const { response } = parts
    response.on('drain', () => this.#drained())
    response.once('close', () => this.#end('gone'))
    response.on('error', () => this.#end('gone'))
    response.writeHead(200, HEAD)
    response.flushHeaders()
    // HEAD gets the headers and no events.
    if (response.req.method === 'HEAD') this.end()
    if (response.closed) this.#end('gone')
  }

  /** Aborts when the stream ends; the reason is a {@link StreamEnd}. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  get wroteAt(): MonotonicMs {
    return this.#wroteAt
  }

  /**
   * Sends an event. Returns `false` if the stream has ended, possibly because of this event. @throws {TypeError} see
   * `encodeEvent`.
   */
  send(event: ServerEvent): boolean {
    return this.sendText(encodeEvent(event))
  }

  /**
   * Sends the result of `encodeEvent`. A client with more unread bytes than allowed is disconnected; it reconnects and
   * sends `Last-Event-ID`.
   */
  sendText(text: string): boolean {
    if (this.#over.signal.aborted) return false
    const { response, lease, maxBufferBytes, clock } = this.#parts
    if (response.writableLength + Buffer.byteLength(text) > maxBufferBytes) return this.#cut()
    this.#wroteAt = clock.now()
    // The kernel usually accepts it at once.
    // A replaced `write` may return nothing.
    const written: unknown = response.write(text)
    if (written !== false) return true
    // Unread bytes count toward the shared budget, and a stalled client yields to others.
    if (lease.bytes === 0) lease.makeRevocable(() => this.#cut())
    return lease.tryAcquire(response.writableLength) || this.#cut()
  }

  /** Ends the stream after the events already sent. */
  end(why: Exclude<StreamEnd, 'gone' | 'slow'> = 'ended'): void {
    this.#end(why)
    this.#parts.response.end()
  }

  #drained(): void {
    const { lease } = this.#parts
    lease.makeIrrevocable()
    lease.tryAcquire(0)
  }

  #cut(): false {
    this.#end('slow')
    this.#parts.response.destroy()
    return false
  }

  #end(why: StreamEnd): void {
    if (this.#over.signal.aborted) return
    this.#parts.lease[Symbol.dispose]()
    this.#over.abort(why)
    this.#parts.onEnd(this, why)
  }
}

/** The last event id a reconnecting client received; `undefined` on its first connection. */
export function lastEventIdOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers['last-event-id']
  if (typeof header !== 'string' || header === '') return undefined
  // Node.js decodes headers as Latin-1. Browsers send UTF-8; clients based on `fetch` can only send Latin-1.
  const bytes = Buffer.from(header, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : header
}

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
