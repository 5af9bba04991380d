import type { BytePart, Clock, Log } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import type { Drain, Grace } from './drain.ts'
import { COMMENT, encodeEvent, EventStream, type ServerEvent, type StreamEnd } from './event-stream.ts'

/** Options of {@link EventStreams}. */
export interface EventStreamsOptions {
  /** Budget for unread bytes over all streams: `inFlight.budget.part('events', …)`. */
  readonly part: BytePart
  readonly drain: Pick<Drain, 'add' | 'begun'>
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** In [0, 1). */
  readonly random: () => number
  /** The most open streams; further ones get 503. */
  readonly maxStreams: number
  /** The most unread bytes of one client; beyond that it is disconnected. */
  readonly maxBufferBytes: number
  /** The longest silence on a stream, in milliseconds. Proxies close connections that are idle for a minute. */
  readonly heartbeatMs: number
  /** Average reconnect delay of clients, in milliseconds; jitter is added. */
  readonly retryMs: number
}

/** Options of one stream. */
export interface OpenStreamOptions {
  /**
   * The event to send as a heartbeat; default: a comment. An `id` alone updates the last event id in browsers (npm
   * `eventsource` only takes ids of events with data). If it throws, this stream ends, and the error is logged.
   */
  readonly heartbeat?: () => ServerEvent
}

/** Streams are closed over this time during a drain, so that clients do not reconnect all at once. */
const SPREAD_MS = 2_000

const PAUSE_MS = 20

/**
 * The event streams (`text/event-stream`) of one app: limited in number, kept alive by heartbeats, and closed
 * gracefully on drain.
 */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #open = new Map<EventStream, OpenStreamOptions>()
  readonly #ends: Record<StreamEnd, number> = { gone: 0, slow: 0, drained: 0, ended: 0, failed: 0 }
  #timer: NodeJS.Timeout | undefined

  constructor(options: EventStreamsOptions) {
    this.#options = options
    options.drain.add({ name: 'event streams', drain: (grace) => this.#drain(grace) })
  }

  /** Open streams. */
  get size(): number {
    return this.#open.size
  }

  /** Ended streams since the start, by reason. */
  get ends(): Readonly<Record<StreamEnd, number>> {
    return this.#ends
  }

  /** Answers with a stream. @throws {ProblemError} overloaded; not-ready while draining. */
  open(response: ServerResponse, options: OpenStreamOptions = {}): EventStream {
    const { part, drain, clock, maxStreams, maxBufferBytes } = this.#options
    if (drain.begun) throw new ProblemError('not-ready', { detail: 'This process is shutting down.' })
    if (this.#open.size >= maxStreams)
      throw new ProblemError('overloaded', { detail: `${maxStreams} streams are open.` })
    const stream = new EventStream({
      response,
      lease: part.lease(),
      maxBufferBytes,
      clock,
      onEnd: (ended, why) => {
        this.#ends[why] += 1
        this.#open.delete(ended)
        if (this.#open.size === 0) this.#stopTimer()
      },
    })
    if (stream.signal.aborted) return stream
    this.#open.set(stream, options)
    this.#timer ??= setInterval(() => this.#beat(), this.#options.heartbeatMs / 2).unref()
    stream.send({ retryMs: this.#retryMs() })
    return stream
  }

  #beat(): void {
    const { clock, heartbeatMs, log } = this.#options
    const before = clock.now() - heartbeatMs / 2
    for (const [stream, { heartbeat }] of this.#open) {
      if (stream.wroteAt > before) continue
      try {
        stream.sendText(heartbeat ? encodeEvent(heartbeat()) : COMMENT)
      } catch (err) {
        log.error({ err }, 'heartbeat failed, its stream ends')
        stream.end('failed')
      }
    }
  }

  #stopTimer(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #drain({ ms, signal }: Grace): Promise<void> {
    const { clock } = this.#options
    const streams = [...this.#open.keys()]
    const spreadMs = Math.min(SPREAD_MS, ms / 2)
    const beganAt = clock.now()
    let closed = 0
    while (closed < streams.length) {
      const due = signal.aborted ? 1 : (clock.now() - beganAt) / spreadMs
      const until = Math.max(closed + 1, Math.ceil(streams.length * Math.min(due, 1)))
      for (const stream of streams.slice(closed, until)) this.#close(stream)
      closed = until
      if (closed < streams.length) await clock.sleep(PAUSE_MS, signal)
    }
  }

  #close(stream: EventStream): void {
    stream.send({ event: 'drain', data: '', retryMs: this.#retryMs() })
    if (!stream.signal.aborted) stream.end('drained')
  }

  /** With ±50 % jitter. */
  #retryMs(): number {
    const { retryMs, random } = this.#options
    return Math.round(retryMs * (0.5 + random()))
  }
}
