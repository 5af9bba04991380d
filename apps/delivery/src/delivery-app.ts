import { TokenBucket, type Part } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import {
  EventStreams,
  RouteTable,
  Upgrades,
  type App,
  type GuardReport,
  type Route,
  type ServiceTools,
  type UpgradeRoute,
} from '@freshet/service'
import type { Feed } from './backend/feed.ts'
import type { Tickets, TokenCheck } from './contract.ts'
import type { Delivery } from './delivery.ts'
import { addDeliveryMetrics, type DeliveryStatus } from './delivery-metrics.ts'
import { expectRoom } from './transports/event-stream.ts'
import { eventStreamRoutes } from './transports/event-stream-routes.ts'
import type { Handshake } from './transports/handshake.ts'
import { openWebSocket } from './transports/web-socket.ts'
import { rateOf, type DeliveryConfig } from './options.ts'

/** What the app is put together from. */
export interface DeliveryAppParts {
  readonly delivery: Delivery
  readonly config: DeliveryConfig
  readonly tokens: TokenCheck
  readonly tickets: Tickets
  readonly random: () => number
  /** What passes changes to `delivery`. */
  readonly feed: Part & Pick<Feed, 'unready' | 'status'>
  readonly guard: () => GuardReport
  /** What the feed needs. */
  readonly before: readonly Part[]
  /** Origins of pages that may connect, beside those of this host. */
  readonly origins: readonly string[]
  readonly handshake: Handshake
}

/** A delivery app, as the service runs it. */
export type DeliveryApp = App<DeliveryStatus>

/** What a request without an upgrade gets, such as one from a proxy that removed its headers. */
function withoutUpgrade({ path, protocol }: UpgradeRoute): Route {
  return {
    methods: ['GET'],
    path,
    who: 'public',
    answer: () => {
      throw new ProblemError('upgrade-required', {
        detail: `Expected the headers "Connection: Upgrade" and "Upgrade: ${protocol}", in HTTP/1.1.`,
        headers: { upgrade: protocol },
      })
    },
  }
}

/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 25_000
const RETRY_MS = 2_000

/** The public port of the service: web-sockets and event streams. */
export function deliveryApp(parts: DeliveryAppParts, tools: ServiceTools): DeliveryApp {
  const { delivery, feed, guard, config, random } = parts
  const { clock, drain, inFlight, log, requests } = tools
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
  const rate = new TokenBucket(rateOf(config.handshakesPerSecond), clock)
  const sockets: UpgradeRoute = {
    path: '/connection/websocket',
    protocol: 'websocket',
    // The token is in the first frame: in a URL it would be in logs.
    who: 'public',
    open: (call) => {
      if (!rate.take()) throw new ProblemError('overloaded', { detail: 'Too many clients connect at once.' })
      expectRoom(delivery)
      parts.handshake(call, (webSocket) => openWebSocket(webSocket, call.socket, delivery))
    },
  }
  const { origins } = parts
  // Those that are being closed count here too.
  const maxOpen = 2 * config.maxConnections
  const upgrades = new Upgrades({ routes: [sockets], origins, maxOpen, drain, log })
  const table = new RouteTable({
    routes: [...eventStreamRoutes({ ...parts, streams }), withoutUpgrade(sockets)],
    requests,
  })
  const status = (): DeliveryStatus => ({
    ...delivery.figures(),
    streams: streams.size,
    feed: feed.status(),
    guard: guard(),
  })
  const unready = (): string | undefined => {
    const { fault } = guard()
    if (fault !== undefined) return `guard: ${fault}`
    return feed.unready() ?? (delivery.now() === undefined ? 'the feed has not reached its start' : undefined)
  }
  addDeliveryMetrics(tools.metrics, status, () => unready() === undefined)
  let started = false
  return {
    handle: table.handlerAt(''),
    parts: [...parts.before, delivery, feed],
    upgrades,
    health: { started: () => (started ||= delivery.now() !== undefined), unready, status },
  }
}
