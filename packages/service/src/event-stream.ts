import type { ByteLease, Clock, MonotonicMs } from '@freshet/kit'
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { encodeEvent, type ServerEvent } from './server-event.ts'

/**
 * Why a stream is over: its client left; it took too little; the process drains; the app ended it. A client comes back by
 * itself after each of them.
 */
export type StreamEnd = 'gone' | 'slow' | 'drained' | 'ended'

/** What one stream is made of. */
export interface EventStreamParts {
  readonly response: ServerResponse
  readonly lease: ByteLease
  /** What may wait to be taken by the client. */
  readonly maxBufferBytes: number
  readonly clock: Clock
  readonly onEnd: (stream: EventStream, why: StreamEnd) => void
}

const HEAD = {
  'content-type': 'text/event-stream',
  // `no-transform`: what compresses would keep events back.
  'cache-control': 'no-store, no-transform',
  // nginx would gather them: https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
  'x-accel-buffering': 'no',
}

/** The events that one client is sent; `EventStreams.open` makes it. */
export class EventStream {
  readonly #parts: EventStreamParts
  readonly #over = new AbortController()
  #wroteAt: MonotonicMs

  constructor(parts: EventStreamParts) {
    this.#parts = parts
    this.#wroteAt = parts.clock.now()
    const { response } = parts
    response.on('drain', () => this.#taken())
    response.once('close', () => this.#end('gone'))
    response.on('error', () => this.#end('gone'))
    response.writeHead(200, HEAD)
    response.flushHeaders()
    // A HEAD is answered, and gets no events.
    if (response.req.method === 'HEAD') this.end()
    if (response.closed) this.#end('gone')
  }

  /** Aborts when the stream is over; the reason is a {@link StreamEnd}. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** When something was last sent. */
  get wroteAt(): MonotonicMs {
    return this.#wroteAt
  }

  /** Sends an event; `false`: the stream is over, perhaps because of it. @throws {TypeError} as `encodeEvent` does. */
  send(event: ServerEvent): boolean {
    return this.sendText(encodeEvent(event))
  }

  /**
   * Sends what `encodeEvent` made. A client that does not take what it is sent is cut off when more waits than it may: it
   * comes back and says by `Last-Event-ID` where it was.
   */
  sendText(text: string): boolean {
    if (this.#over.signal.aborted) return false
    const { response, lease, maxBufferBytes, clock } = this.#parts
    if (response.writableLength + Buffer.byteLength(text) > maxBufferBytes) return this.#cut()
    this.#wroteAt = clock.now()
    // Most clients take it at once.
    if (response.write(text)) return true
    // What waits counts among all that the process holds, and makes way for others when it does not move.
    if (lease.bytes === 0) lease.makeRevocable(() => this.#cut())
    return lease.tryAcquire(response.writableLength) || this.#cut()
  }

  /** Ends the stream behind what was sent. */
  end(why: Exclude<StreamEnd, 'gone' | 'slow'> = 'ended'): void {
    this.#end(why)
    this.#parts.response.end()
  }

  #taken(): void {
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

/** What a client that comes back heard last; `undefined`: it comes for the first time. */
export function lastEventIdOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers['last-event-id']
  if (typeof header !== 'string' || header === '') return undefined
  // Node.js reads a character for each byte. Browsers send UTF-8; clients over `fetch` can send Latin-1 only.
  const bytes = Buffer.from(header, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : header
}
