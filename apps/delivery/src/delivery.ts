import type { Clock, Log, Part } from '@freshet/kit'
import { BufferBudget } from './buffer-budget.ts'
import { Connection } from './connection.ts'
import type { ConnectionTools } from './connection-tools.ts'
import type {
  DeliveredMessage,
  FeedBatch,
  FeedChange,
  FeedPoint,
  FeedSink,
  FeedStart,
  TokenCheck,
  UserReads,
} from './contract.ts'
import type { Defer } from './defer.ts'
import { ConnectionDrain, type Closable } from './drain.ts'
import { Hub } from './hub.ts'
import type { LagFigures, LagMeter } from './lag.ts'
import { OffsetCounter, offsetOf, type Offset } from './offset.ts'
import { rateOf, type DeliveryConfig } from './options.ts'
import { PositionSweep } from './position-sweep.ts'
import { closes, type CloseCode } from './protocol/codes.ts'
import { cursorPublication, messagePublication, type Publication } from './publication.ts'
import type { Stream } from './recovery.ts'
import { Ring } from './ring.ts'
import { SendTurn } from './send-queue.ts'
import { SessionOpener } from './session-opener.ts'
import type { Socket } from './socket.ts'
import { TimerWheel } from './timer-wheel.ts'
import { UserStates } from './user-states.ts'

/** Dependencies of the core. */
export interface DeliveryParts {
  readonly config: DeliveryConfig
  readonly reads: UserReads
  readonly tokens: TokenCheck
  readonly clock: Clock
  readonly log: Log
  readonly defer: Defer
  readonly random: () => number
  readonly newId: () => string
  readonly node: string
  readonly version: string
  /** Receives how long each live message took from its own timestamp until it is sent, in milliseconds. */
  readonly lag: LagMeter
}

/** Counters and gauges for metrics and `/statusz`. */
export interface DeliveryFigures {
  readonly connections: number
  readonly users: number
  /** Publications sent live, since the start. */
  readonly deliveries: number
  readonly closes: Readonly<Record<CloseCode | 'disconnected', number>>
  /** From a message's own timestamp, set by the writer, until it is sent. */
  readonly lag: LagFigures
  /** Bytes buffered for web-sockets. */
  readonly bufferedBytes: number
  readonly ring: { readonly bytes: number; readonly publications: number; readonly windowSeconds: number }
}

/** The core of the service, between a feed and clients. Independent of any database. */
export class Delivery implements FeedSink, Part {
  readonly name = 'delivery'
  readonly drain: ConnectionDrain
  readonly opener: SessionOpener
  readonly wheel: TimerWheel
  /** Bytes that clients have sent of frames that are not complete. */
  readonly frames: BufferBudget
  readonly #hub = new Hub()
  readonly #ring: Ring
  readonly #budget: BufferBudget
  readonly #sweep: PositionSweep
  readonly #tools: ConnectionTools
  readonly #clock: Pick<Clock, 'wallMs'>
  readonly #lag: LagMeter
  readonly #open = new Set<Closable>()
  /** Those without a session, longest first. */
  readonly #waiting = new Set<Connection>()
  readonly #maxConnections: number
  readonly #closes: Record<CloseCode | 'disconnected', number>
  #start: FeedStart | undefined
  #counter: OffsetCounter | undefined
  #point: FeedPoint | undefined

  constructor(parts: DeliveryParts) {
    const { config, reads, tokens, clock, log } = parts
    const hub = this.#hub
    const wheel = new TimerWheel(clock)
    const stream = (): Stream | undefined => this.#stream()
    const now = (): ReturnType<typeof this.now> => this.now()
    this.wheel = wheel
    this.#clock = clock
    this.#lag = parts.lag
    this.#ring = new Ring(config.ringBytes)
    this.#closes = { disconnected: 0, ...zeros() }
    this.#maxConnections = config.maxConnections
    this.drain = new ConnectionDrain(this.#open, clock)
    this.#sweep = new PositionSweep({ hub, wheel, wallMs: () => clock.wallMs(), stream })
    this.opener = new SessionOpener({
      tokens,
      hub,
      states: new UserStates({ hub, reads, wheel, log, withinMs: config.loadWithinMs }),
      wheel,
      clock,
      now,
      maxSessionsPerUser: config.maxSessionsPerUser,
      graceMs: config.expiryGraceMs,
    })
    this.frames = new BufferBudget(config.frameBytes, wheel)
    this.#budget = new BufferBudget(config.socketBytes, wheel)
    this.#tools = {
      ...parts,
      opener: this.opener,
      wheel,
      stream,
      turn: new SendTurn(parts.defer),
      budget: this.#budget,
      limits: config,
      commandRate: rateOf(config.commandsPerSecond),
      events: {
        onOpen: (connection) => this.#waiting.delete(connection),
        onClose: (connection, code) => {
          this.#waiting.delete(connection)
          this.closed(connection, code)
        },
      },
    }
  }

  start(): void {
    this.wheel.start()
    this.#sweep.start()
  }

  stop(): void {
    for (const connection of this.#open) connection.end('shutdown')
    this.#sweep.stop()
    this.wheel.stop()
  }

  /** The current point of the feed; `undefined`: not ready for clients. */
  now(): { readonly point: FeedPoint; readonly stream: Stream } | undefined {
    const stream = this.#stream()
    return stream && this.#point ? { point: this.#point, stream } : undefined
  }

  figures(): DeliveryFigures {
    const ring = this.#ring
    const top = this.#counter?.top
    return {
      connections: this.#open.size,
      users: this.#hub.users,
      deliveries: this.#hub.deliveries,
      closes: { ...this.#closes },
      lag: this.#lag.figures(),
      bufferedBytes: this.#budget.bytes,
      ring: {
        bytes: ring.bytes,
        publications: ring.size,
        windowSeconds: top === undefined ? 0 : ring.windowSeconds(top),
      },
    }
  }

  begin(start: FeedStart): void {
    this.#start = start
    this.#point = undefined
    this.#counter = new OffsetCounter(start.second)
    this.#ring.clear(offsetOf(start.second, 0))
    this.#hub.clear('insufficientState')
  }

  apply({ changes, through, behind }: FeedBatch): void {
    const counter = this.#counter
    const start = this.#start
    if (counter === undefined || start === undefined) throw new TypeError('expected begin before apply')
    for (const change of changes) {
      // The number of changes in a second that was not seen from its start is unknown.
      const offset = change.second < start.second ? undefined : counter.next(change.second)
      this.#apply(change, offset)
    }
    counter.reach(through.second)
    this.#point = behind || through.second < start.second ? undefined : through
  }

  /**
   * Whether another client may connect. At the limit, the one that has been without a session for longest is closed for it:
   * connections without a token must not keep others out.
   */
  makeRoom(): boolean {
    if (this.#open.size < this.#maxConnections) return true
    const [longest] = this.#waiting
    longest?.expel('stale')
    return longest !== undefined
  }

  /** A client of the frame protocol. Pass the frames that the socket receives to the connection. */
  accept(socket: Socket): Connection {
    const connection = new Connection(this.#tools, socket)
    this.#open.add(connection)
    this.#waiting.add(connection)
    return connection
  }

  /** Registers a client of another transport. */
  opened(client: Closable): void {
    this.#open.add(client)
  }

  /** Removes and counts a client; `undefined`: it disconnected. */
  closed(client: Closable, code: CloseCode | undefined): void {
    this.#open.delete(client)
    this.#closes[code ?? 'disconnected'] += 1
  }

  #stream(): Stream | undefined {
    if (!this.#start || !this.#counter || !this.#point) return undefined
    return { ring: this.#ring, epoch: this.#start.epoch, top: this.#counter.top }
  }

  #apply(change: FeedChange, offset: Offset | undefined): void {
    switch (change.kind) {
      case 'membership':
        return this.#hub.applyMembership(change.membership)
      case 'revocation':
        return this.#hub.applyRevocation(change.revocation)
      case 'reset':
        return this.#hub.clear('insufficientState')
      case 'gap':
        if (offset === undefined) return
        this.#ring.clear(offset)
        return this.#hub.clear('insufficientState')
      case 'unreadable':
        return
      case 'cursor':
        if (offset === undefined) return
        return this.#publish(cursorPublication(change.cursor, offset, change.second * 1_000))
      case 'message':
        if (offset === undefined) return
        return this.#message(change.message, offset)
    }
  }

  #message(message: DeliveredMessage, offset: Offset): void {
    const before = this.#hub.deliveries
    this.#publish(messagePublication(message, offset))
    if (this.#hub.deliveries > before) this.#lag.add(this.#clock.wallMs() - message.atMs)
  }

  #publish(publication: Publication): void {
    this.#ring.add(publication)
    this.#hub.publish(publication)
  }
}

function zeros(): Record<CloseCode, number> {
  return Object.fromEntries(Object.keys(closes).map((name) => [name, 0])) as Record<CloseCode, number>
}
