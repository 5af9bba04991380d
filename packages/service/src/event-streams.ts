import type { BytePart, Clock } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import type { Drain, Grace } from './drain.ts'
import { EventStream, type StreamEnd } from './event-stream.ts'
import { COMMENT, encodeEvent, type ServerEvent } from './server-event.ts'

/** What the event streams of one app are made of. */
export interface EventStreamsOptions {
  /** What waits for slow clients, of all streams together: `inFlight.budget.part('events', …)`. */
  readonly part: BytePart
  readonly drain: Pick<Drain, 'add' | 'begun'>
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** The most streams at once; further ones are 503. */
  readonly maxStreams: number
  /** What may wait for one client; one that lets more wait is cut off. */
  readonly maxBufferBytes: number
  /** The longest silence on a stream, in milliseconds: proxies close what is silent for a minute. */
  readonly heartbeatMs: number
  /** How long clients wait before they come back, on average: they do not come all at once. */
  readonly retryMs: number
}

/** What a stream may be told beside. */
export interface OpenStreamOptions {
  /**
   * What is sent after a silence; default: a comment. An `id` alone keeps a browser's place fresh (npm
   * `eventsource` takes ids of events with data only).
   */
  readonly heartbeat?: () => ServerEvent
}

/** The time over which streams are closed when the process drains, so that clients do not all come to others at once. */
const SPREAD_MS = 2_000

/** Between two steps of that. */
const PAUSE_MS = 20

/** The event streams (`text/event-stream`) of one app: bounded, kept alive, and closed with a word when it drains. */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #open = new Map<EventStream, OpenStreamOptions>()
  readonly #ends: Record<StreamEnd, number> = { gone: 0, slow: 0, drained: 0, ended: 0 }
  #timer: NodeJS.Timeout | undefined

  constructor(options: EventStreamsOptions) {
    this.#options = options
    options.drain.add({ name: 'event streams', drain: (grace) => this.#drain(grace) })
  }

  /** Streams that are open now. */
  get size(): number {
    return this.#open.size
  }

  /** How many ended, since the start, by the reason. */
  get ends(): Readonly<Record<StreamEnd, number>> {
    return this.#ends
  }

  /** Answers with a stream. @throws {ProblemError} overloaded; not-ready: the process drains. */
  open(response: ServerResponse, options: OpenStreamOptions = {}): EventStream {
    const { part, drain, clock, maxStreams, maxBufferBytes } = this.#options
    if (drain.begun) throw new ProblemError('not-ready', { detail: 'This process is about to stop.' })
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
        if (this.#open.size === 0) this.#rest()
      },
    })
    if (stream.signal.aborted) return stream
    this.#open.set(stream, options)
    this.#timer ??= setInterval(() => this.#beat(), this.#options.heartbeatMs / 2).unref()
    stream.send({ retryMs: this.#retryMs() })
    return stream
  }

  #beat(): void {
    const { clock, heartbeatMs } = this.#options
    const before = clock.now() - heartbeatMs / 2
    for (const [stream, { heartbeat }] of this.#open)
      if (stream.wroteAt <= before) stream.sendText(heartbeat ? encodeEvent(heartbeat()) : COMMENT)
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #drain({ ms, signal }: Grace): Promise<void> {
    const { clock } = this.#options
    const streams = [...this.#open.keys()]
    const spreadMs = Math.min(SPREAD_MS, ms / 2)
    const beganAt = clock.now()
    let told = 0
    while (told < streams.length) {
      const due = signal.aborted ? 1 : (clock.now() - beganAt) / spreadMs
      const until = Math.max(told + 1, Math.ceil(streams.length * Math.min(due, 1)))
      for (const stream of streams.slice(told, until)) this.#tell(stream)
      told = until
      if (told < streams.length) await clock.sleep(PAUSE_MS, signal)
    }
  }

  #tell(stream: EventStream): void {
    stream.send({ event: 'drain', data: '', retryMs: this.#retryMs() })
    if (!stream.signal.aborted) stream.end('drained')
  }

  /** Half as long to one and a half times as long. */
  #retryMs(): number {
    const { retryMs, random } = this.#options
    return Math.round(retryMs * (0.5 + random()))
  }
}
