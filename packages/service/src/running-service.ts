import { ByteBudget, ConfigError, Lifecycle } from '@freshet/kit'
import type { BytePart, Clock, ConfigOf, Log, OptionTable, Part } from '@freshet/kit'
import type { App, Handler, ServiceDefinition, ServiceStatus } from './contract.ts'
import { withCors } from './cors.ts'
import { HttpShell } from './http-shell.ts'
import type { HttpLimits } from './http-shell.ts'
import { managementHandler, type ManagementOptions } from './management.ts'
import type { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'
import { serviceTools } from './service-tools.ts'
import type { Upgrades } from './upgrades.ts'

export interface StartOptions<Options extends OptionTable> {
  readonly definition: ServiceDefinition<Options>
  readonly config: ConfigOf<Options> & ServiceConfig
  readonly log: Log
  readonly clock: Clock
  /** Cancels startup: everything is stopped, and the result is a service that has ended. */
  readonly signal: AbortSignal
}

/** A service whose ports are open. */
export interface RunningService extends AsyncDisposable {
  /** Base URL of the public port, without a trailing slash. */
  readonly url: string
  /** Base URL of the management port, without a trailing slash. */
  readonly managementUrl: string
  /**
   * Graceful shutdown: reports not ready, waits for `drain`, closes the public port while requests finish, then stops
   * the parts in reverse and the management port last. Never rejects. Idempotent.
   */
  stop(): Promise<void>
}

/** Tight limits: the management port serves probes and scrapers, and no client may occupy a connection for long. */
const MANAGEMENT_LIMITS: HttpLimits = {
  maxHeaderBytes: 16 * 2 ** 10,
  headersWithinMs: 5_000,
  bodyWithinMs: 5_000,
  idleMs: 10_000,
  unreadMs: 5_000,
  maxSockets: 100,
}

/** Budget for pipelined requests there. */
const MANAGEMENT_HEAD_BYTES = 2 ** 20

/** Parts stop slightly later than requests, so that a cut request is reported as such. */
const PART_EXTRA_MS = 1_000

/**
 * Starts a service: management port, app, its parts, public port. Used by `runService`, and by tests that run a service
 * in-process. @throws {ConfigError} or whatever `build` or a part throws, after everything was stopped.
 */
export async function startService<Options extends OptionTable>(
  options: StartOptions<Options>,
): Promise<RunningService> {
  const { definition, config, log, clock, signal } = options
  if (config.headersWithinMs > config.bodyWithinMs)
    throw new ConfigError('CONFLICT', '--headers-within is longer than --body-within, which includes it.')
  const tools = serviceTools(config, { log, clock, signal, requests: undefined })
  const { metrics, fail, inFlight, drain } = tools
  const shell = (handle: Handler, limits: HttpLimits, heads: BytePart, upgrades?: Upgrades): HttpShell =>
    new HttpShell({ handle, fail, limits, heads, clock, ...(upgrades && { upgrades }) })
  const state: State = { app: undefined, port: undefined, draining: false }
  // A separate budget, so that load on the public port cannot affect it.
  const managementHeads = new ByteBudget({ maxBytes: MANAGEMENT_HEAD_BYTES, clock }).part('heads')
  const managementPort = shell(
    managementHandler(managementOf(state, metrics, definition)),
    MANAGEMENT_LIMITS,
    managementHeads,
  )

  const urls = { url: '', managementUrl: '' }
  const lifecycle = new Lifecycle({ log, clock, stopWithinMs: config.stopWithinMs + PART_EXTRA_MS })
  const giveUp = (): void => void lifecycle.stop()
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  const management: Part = {
    name: 'management port',
    start: async () => {
      urls.managementUrl = await managementPort.listen(config.managementPort, config.managementHost)
    },
    stop: () => managementPort.close(0),
  }
  const building: Part = {
    name: 'app',
    start: async () => void (state.app = await definition.build(config, tools)),
    stop: () => undefined,
  }
  await lifecycle.start([management, building])
  const { app } = state
  if (app !== undefined) {
    const port = shell(withCors(app.handle, config.corsOrigins), config, inFlight.heads, app.upgrades)
    addMetrics(metrics, port)
    if (app.upgrades) addUpgradeMetrics(metrics, app.upgrades)
    state.port = port
    const opening: Part = {
      name: 'public port',
      start: async () => {
        urls.url = await port.listen(config.port, config.host)
      },
      stop: async () => {
        await Promise.all([drain.run(config.stopWithinMs), port.close(config.stopWithinMs)])
      },
    }
    await lifecycle.start([...app.parts, opening])
  }
  signal.removeEventListener('abort', giveUp)
  const givenUp = signal.aborted
  const end = async (): Promise<void> => {
    state.draining = true
    if (givenUp) return await lifecycle.stop()
    // Until load balancers notice, requests are still answered, but connections are not kept alive.
    state.port?.drain()
    await clock.sleep(config.drainMs, new AbortController().signal)
    await lifecycle.stop()
  }
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= end())
  return { ...urls, stop, [Symbol.asyncDispose]: stop }
}

/** Startup and shutdown progress. */
interface State {
  app: App | undefined
  port: HttpShell | undefined
  draining: boolean
}

/** Management port options that also work before the app is built. */
function managementOf(
  state: State,
  metrics: Metrics,
  { role, version }: Pick<ServiceDefinition<OptionTable>, 'role' | 'version'>,
): ManagementOptions {
  const health: ManagementOptions['health'] = {
    started: () => state.app?.health.started() ?? false,
    unready: () => (state.app === undefined ? 'starting' : state.app.health.unready()),
  }
  const status = (): ServiceStatus => ({
    role,
    version,
    connections: state.port?.openSockets ?? 0,
    draining: state.draining,
    ...state.app?.health.status(),
  })
  return { health, metrics, draining: () => state.draining, status, routes: () => state.app?.management }
}

function addMetrics(metrics: Metrics, port: HttpShell): void {
  metrics.addProcess()
  metrics.counter('http_requests_total', 'Requests received on the public port.', [], () => port.requests)
  metrics.gauge('http_connections', 'Connections open on the public port.', [], () => port.openSockets)
  const help = 'Connections refused because too many were open, and none could be closed.'
  metrics.counter('http_connections_refused_total', help, [], () => port.droppedSockets)
  const cutHelp =
    'Connections closed by the server: "unread", the client did not read its answer; "pipelining", too many ' +
    'requests ahead; "crowded", the least recently used at the limit.'
  metrics.counter('http_connections_cut_total', cutHelp, ['reason'], () =>
    Object.entries(port.cuts).map(([reason, value]) => ({ labels: { reason }, value })),
  )
}

function addUpgradeMetrics(metrics: Metrics, upgrades: Upgrades): void {
  const open = 'Connections upgraded to another protocol, such as WebSocket.'
  metrics.gauge('http_upgraded', open, [], () => upgrades.size)
  const refused = 'Refused upgrades, by problem code.'
  metrics.counter('http_upgrades_refused_total', refused, ['code'], () =>
    [...upgrades.refusals].map(([code, value]) => ({ labels: { code }, value })),
  )
}
