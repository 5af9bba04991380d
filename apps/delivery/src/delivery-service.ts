import { ConfigError, defineOptions, ms, REQUIRED, secret, text, type ConfigOf } from '@freshet/kit'
import type { GuardReport, ServiceConfig, ServiceDefinition, ServiceTools } from '@freshet/service'
import { randomBytes, randomUUID } from 'node:crypto'
import { backendOptions } from './backend/backend.ts'
import type { Backend } from './backend/contract.ts'
import { Feed } from './backend/feed.ts'
import { Delivery } from './delivery.ts'
import { deliveryApp, type DeliveryApp } from './delivery-app.ts'
import { LAG_BUCKETS_S, LagMeter } from './lag.ts'
import { deliveryOptions } from './options.ts'
import { handshake } from './transports/handshake.ts'
import { SignedTickets, VerifiedTokens } from './tokens.ts'

/** Options of the service, in addition to those of every service. */
export const deliveryServiceOptions = defineOptions({
  ...backendOptions,
  database: text('database', REQUIRED, 'The database whose messages are delivered.'),
  windowMs: ms(
    'window',
    120_000,
    'How far back messages are read at the start, so that clients of other instances can recover here.',
    { max: 3_600_000 },
  ),
  unreadyAfterMs: ms('unready-after', 5_000, 'Not ready when not proved current for this long.', {
    min: 1_000,
  }),
  aliveWithinMs: ms(
    'alive-within',
    10_000,
    'Not ready when no heartbeat of a writer and no message came for this long: the primary may be isolated.',
    { min: 1_000 },
  ),
  ticketSecret: secret(
    'ticket-secret',
    undefined,
    'A secret of at least 32 bytes that all instances share; without it, a ticket is good only where it was issued.',
  ),
  ...deliveryOptions,
})

type DeliveryServiceConfig = ConfigOf<typeof deliveryServiceOptions>

/** Parts that differ between processes. */
export interface DeliveryServiceParts {
  readonly version: string
  /** Opens the backend; may wait for the database. @throws {ConfigError} nothing is left open. */
  readonly open: (config: DeliveryServiceConfig, tools: ServiceTools) => Promise<Backend>
}

/** https://datatracker.ietf.org/doc/html/rfc7518#section-3.2 */
const MIN_SECRET_BYTES = 32

/** The service definition of delivery. */
export function deliveryService({
  version,
  open,
}: DeliveryServiceParts): ServiceDefinition<typeof deliveryServiceOptions, DeliveryApp> {
  return {
    role: 'delivery',
    version,
    description: 'Delivers messages to connected users, over web-sockets and event streams.',
    options: deliveryServiceOptions,
    build: async (config, tools) => {
      const tickets = new SignedTickets(ticketSecretOf(config, tools), tools.clock)
      return appOf(config, tools, { version, tickets, backend: await open(config, tools) })
    },
  }
}

interface Opened {
  readonly version: string
  readonly tickets: SignedTickets
  readonly backend: Backend
}

function appOf(
  config: DeliveryServiceConfig & ServiceConfig,
  tools: ServiceTools,
  { version, tickets, backend }: Opened,
): DeliveryApp {
  const { log, clock } = tools
  const random = Math.random
  const tokens = new VerifiedTokens(tools.tokens, clock)
  const observeLag = tools.metrics.histogram(
    'delivery_lag_seconds',
    "Time from a message's own timestamp, set by the writer, until it is sent to clients.",
    LAG_BUCKETS_S,
  )
  const delivery = new Delivery({
    config,
    reads: backend.reads,
    tokens,
    clock,
    log,
    defer: setImmediate,
    random,
    newId: randomUUID,
    node: randomUUID(),
    version,
    lag: new LagMeter(observeLag),
  })
  const { source, contentOf } = backend
  const feed = new Feed({
    source,
    contentOf,
    sink: delivery,
    clock,
    log,
    random,
    unreadyAfterMs: config.unreadyAfterMs,
    aliveWithinMs: config.aliveWithinMs,
  })
  const layer = config.tokenSecret === undefined && !config.noTokens ? 'standing' : 'absent'
  const guard = (): GuardReport => {
    const report = backend.guard()
    return { ...report, layers: { ...report.layers, tokens: layer } }
  }
  return deliveryApp(
    {
      delivery,
      config,
      tokens,
      tickets,
      random,
      feed,
      guard,
      before: backend.parts,
      origins: config.corsOrigins,
      handshake: handshake(),
    },
    tools,
  )
}

/** @throws {ConfigError} too short. */
function ticketSecretOf({ ticketSecret }: DeliveryServiceConfig, { log }: ServiceTools): string {
  if (ticketSecret === undefined) {
    log.warn({}, 'without --ticket-secret, a ticket is good only at the instance that issued it')
    return randomBytes(MIN_SECRET_BYTES).toString('base64url')
  }
  if (Buffer.byteLength(ticketSecret) < MIN_SECRET_BYTES)
    throw new ConfigError(
      'BAD_VALUE',
      `The ticket secret is too short; expected at least ${MIN_SECRET_BYTES} bytes.`,
    )
  return ticketSecret
}
