import { ConfigError, Lifecycle } from '@freshet/kit'
import type { Clock, ConfigOf, Log, OptionTable, Part } from '@freshet/kit'
import { randomUUID } from 'node:crypto'
import type { App, Handler, ServiceDefinition } from './contract.ts'
import { withCors } from './cors.ts'
import { makeFail } from './fail.ts'
import { HttpShell } from './http-shell.ts'
import type { HttpLimits } from './http-shell.ts'
import { makeVerifier } from './make-verifier.ts'
import { managementHandler } from './management.ts'
import { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'

/** What a service is started from. */
export interface StartOptions<Options extends OptionTable> {
  readonly definition: ServiceDefinition<Options>
  readonly config: ConfigOf<Options> & ServiceConfig
  readonly log: Log
  readonly clock: Clock
  /** Aborted while it starts: the start is given up, all is stopped, and the result is a service that has ended. */
  readonly signal: AbortSignal
}

/** A service whose ports are open. */
export interface RunningService extends AsyncDisposable {
  /** Base URL of the public port, without a final slash. */
  readonly url: string
  /** Base URL of the management port, without a final slash. */
  readonly managementUrl: string
  /**
   * Not ready any more; after `drain` the public port closes, running requests end, then the parts stop in reverse,
   * the management port last. Never rejects; twice is once.
   */
  stop(): Promise<void>
}

/** The management port is for one prober and one scraper. */
const MANAGEMENT_LIMITS: HttpLimits = {
  maxHeaderBytes: 16 * 2 ** 10,
  headersWithinMs: 10_000,
  bodyWithinMs: 10_000,
  idleMs: 75_000,
  unreadMs: 10_000,
  maxSockets: 100,
}

/** The parts get a moment more than the requests, so that a request that is cut is reported as such. */
const PART_EXTRA_MS = 1_000

/**
 * Builds an app and starts it: management port, parts, public port. Used by `runService`, and by tests that want a
 * service in their own process. @throws {ConfigError}; what `build` or a part's start throws, when all is stopped again.
 */
export async function startService<Options extends OptionTable>(
  options: StartOptions<Options>,
): Promise<RunningService> {
  const { definition, config, log, clock, signal } = options
  if (config.headersWithinMs > config.bodyWithinMs)
    throw new ConfigError('CONFLICT', '--headers-within is longer than --body-within, which is for both.')
  const metrics = new Metrics()
  const fail = makeFail(log, randomUUID)
  const shell = (handle: Handler, limits: HttpLimits): HttpShell =>
    new HttpShell({ handle, fail, limits, clock })
  const app: App = await definition.build(config, {
    log,
    clock,
    metrics,
    fail,
    tokens: makeVerifier(config, clock),
  })
  let draining = false
  const publicPort = shell(withCors(app.handle, config.corsOrigins), config)
  const about = () => ({
    role: definition.role,
    version: definition.version,
    connections: publicPort.openSockets,
  })
  const management = { health: app.health, metrics, draining: () => draining, about }
  const managementPort = shell(managementHandler(management), MANAGEMENT_LIMITS)
  addMetrics(metrics, publicPort)

  const urls = { url: '', managementUrl: '' }
  const lifecycle = new Lifecycle({ log, clock, stopWithinMs: config.stopWithinMs + PART_EXTRA_MS })
  const opening = (name: string, port: HttpShell, open: () => Promise<void>, closeMs: number): Part => ({
    name,
    start: open,
    stop: () => port.close(closeMs),
  })
  const openManagement = async (): Promise<void> => {
    urls.managementUrl = await managementPort.listen(config.managementPort, config.managementHost)
  }
  const openPublic = async (): Promise<void> => {
    urls.url = await publicPort.listen(config.port, config.host)
  }
  const giveUp = (): void => void lifecycle.stop()
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  await lifecycle.start([
    opening('management port', managementPort, openManagement, 0),
    ...app.parts,
    opening('public port', publicPort, openPublic, config.stopWithinMs),
  ])
  signal.removeEventListener('abort', giveUp)
  const givenUp = signal.aborted
  const drain = async (): Promise<void> => {
    draining = true
    if (givenUp) return await lifecycle.stop()
    // While balancers notice, requests are still answered, but no connection is kept for another one.
    publicPort.drain()
    await clock.sleep(config.drainMs, new AbortController().signal)
    await lifecycle.stop()
  }
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= drain())
  return { ...urls, stop, [Symbol.asyncDispose]: stop }
}

function addMetrics(metrics: Metrics, port: HttpShell): void {
  metrics.addProcess()
  metrics.counter('http_requests_total', 'Requests taken by the public port.', [], () => port.requests)
  metrics.gauge('http_connections', 'Connections open on the public port.', [], () => port.openSockets)
  const help = 'Connections refused because too many were open.'
  metrics.counter('http_connections_refused_total', help, [], () => port.droppedSockets)
  const cutHelp =
    'Connections cut: "unread", the client took nothing of its answer; "pipelining", it sent too far ahead.'
  metrics.counter('http_connections_cut_total', cutHelp, ['reason'], () =>
    Object.entries(port.cuts).map(([reason, value]) => ({ labels: { reason }, value })),
  )
}
