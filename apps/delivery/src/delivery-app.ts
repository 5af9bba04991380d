import { ProblemError } from '@freshet/protocol'
import {
  EventStreams,
  RouteTable,
  Upgrades,
  type App,
  type ServiceTools,
  type UpgradeCall,
  type UpgradeRoute,
} from '@freshet/service'
import type { Tickets, TokenCheck } from './contract.ts'
import type { Delivery, DeliveryFigures } from './delivery.ts'
import { eventStreamRoutes } from './transports/event-stream-routes.ts'
import { openWebSocket, type WebSocketLike } from './transports/web-socket.ts'
import type { DeliveryConfig } from './options.ts'
import { RateLimit } from './rate-limit.ts'

/** What the app is put together from. */
export interface DeliveryAppParts {
  readonly delivery: Delivery
  readonly config: DeliveryConfig
  readonly tokens: TokenCheck
  readonly tickets: Tickets
  readonly random: () => number
  /** Origins of pages that may connect, beside those of this host. */
  readonly origins: readonly string[]
  /** Answers the handshake: `handleUpgrade` of a `WebSocketServer` of npm `ws` that has no port. */
  readonly upgrade: (call: UpgradeCall, onOpen: (webSocket: WebSocketLike) => void) => void
}

/** The app's part of `/statusz`. */
export interface DeliveryStatus extends DeliveryFigures {
  readonly streams: number
}

/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 25_000
const RETRY_MS = 2_000

/** The public port of the service: web-sockets and event streams. */
export function deliveryApp(parts: DeliveryAppParts, tools: ServiceTools): App<DeliveryStatus> {
  const { delivery, config, random } = parts
  const { clock, drain, inFlight, log } = tools
  const streams = new EventStreams({
    part: inFlight.budget.part('events', config.eventBytes),
    drain,
    clock,
    log,
    random,
    maxStreams: config.maxConnections,
    maxBufferBytes: config.maxBufferBytes,
    heartbeatMs: HEARTBEAT_MS,
    retryMs: RETRY_MS,
  })
  drain.add(delivery.drain)
  const rate = new RateLimit(config.handshakesPerSecond, clock)
  const sockets: UpgradeRoute = {
    path: '/connection/websocket',
    protocol: 'websocket',
    // The token is in the first frame: in a URL it would be in logs.
    who: 'public',
    open: (call) => {
      if (!rate.take(1)) throw new ProblemError('overloaded', { detail: 'Too many clients connect at once.' })
      parts.upgrade(call, (webSocket) =>
        openWebSocket(webSocket, (socket) => delivery.accept(socket), delivery.wheel),
      )
    },
  }
  const { origins } = parts
  const upgrades = new Upgrades({ routes: [sockets], origins, maxOpen: config.maxConnections, drain, log })
  const table = new RouteTable({ routes: eventStreamRoutes({ ...parts, streams }) })
  return {
    handle: table.handlerAt(''),
    parts: [delivery],
    upgrades,
    health: {
      started: () => delivery.now() !== undefined,
      unready: () => (delivery.now() === undefined ? 'the feed has not begun' : undefined),
      status: () => ({ ...delivery.figures(), streams: streams.size }),
    },
  }
}
