import type { ByteLease, Clock, MonotonicMs } from '@freshet/kit'
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { encodeEvent, type ServerEvent } from './server-event.ts'

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
