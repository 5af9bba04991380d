import { ConfigError, defineOptions, Lifecycle, readConfig, systemClock, variableOf } from '@freshet/kit'
import type { ConfigOf, Log, OptionTable } from '@freshet/kit'
import { readFileSync } from 'node:fs'
import type { App, ServiceDefinition } from './contract.ts'
import type { Metrics } from './metrics.ts'
import { serviceOptions, type ServiceConfig } from './options.ts'
import { RunningRequests } from './route-table.ts'
import { serviceTools } from './service-tools.ts'

/** Options of an embedded app. */
export interface OpenAppOptions {
  /**
   * The options of `--help` by name, without dashes: `{ database: 'shop', 'cache-size': '64MiB' }`. Options about ports
   * have no effect.
   */
  readonly settings: Readonly<Record<string, string>>
  /** Default: no logging. */
  readonly log?: Log
  /** The longest wait for readiness, in milliseconds; default 30,000. */
  readonly readyWithinMs?: number
}

/** A running app without ports. */
export interface OpenApp<Built extends App> extends AsyncDisposable {
  readonly app: Built
  /** For a metrics endpoint of the embedding program. */
  readonly metrics: Metrics
  /** Why it is not ready, in a few words, such as `closed`; `undefined`: it is ready. */
  unready(): string | undefined
  /**
   * Drains and stops the app: running requests are answered, within `stop-within`; new ones get 503. Idempotent. Close the
   * port of the program at the same time.
   */
  close(): Promise<void>
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Interval of readiness checks. */
const POLL_MS = 10

/** Extra time for parts to stop, after requests were cut. */
const PART_EXTRA_MS = 1_000

/**
 * Builds and starts an app for a program that mounts it. Resolves when it is ready.
 * @throws {ConfigError} a setting is wrong. @throws {Error} startup failed or timed out. Nothing is left open.
 */
export async function openApp<Options extends OptionTable, Built extends App>(
  definition: ServiceDefinition<Options, Built>,
  { settings, log = silent, readyWithinMs = 30_000 }: OpenAppOptions,
): Promise<OpenApp<Built>> {
  // The compiler cannot see that the table combines both.
  const config = readConfig<OptionTable>(defineOptions({ ...serviceOptions, ...definition.options }), {
    argv: [],
    env: Object.fromEntries(Object.entries(settings).map(([name, text]) => [variableOf(name), text])),
    readFile: (path) => readFileSync(path, 'utf8'),
  }) as ConfigOf<Options> & ServiceConfig
  if (config.noTokens)
    throw new ConfigError(
      'CONFLICT',
      'no-tokens requires a loopback address, and the program may listen on any address.',
    )
  const clock = systemClock
  const starting = new AbortController()
  const requests = new RunningRequests()
  const tools = serviceTools(config, { log, clock, signal: starting.signal, requests })
  tools.drain.add({ name: 'running requests', drain: () => requests.close() })
  const lifecycle = new Lifecycle({ log, clock, stopWithinMs: config.stopWithinMs + PART_EXTRA_MS })
  const timer = clock.sleep(readyWithinMs, starting.signal).then(() => starting.abort())
  let built: Built
  try {
    built = await definition.build(config, tools)
    await lifecycle.start(built.parts)
    while (built.health.unready() !== undefined && !starting.signal.aborted)
      await clock.sleep(POLL_MS, starting.signal)
  } finally {
    starting.abort()
    await timer
  }
  const why = built.health.unready()
  let state: 'open' | 'closing' | 'closed' = 'open'
  const end = async (): Promise<void> => {
    state = 'closing'
    await tools.drain.run(config.stopWithinMs)
    await lifecycle.stop()
    state = 'closed'
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= end())
  if (why !== undefined) {
    await close()
    throw new Error(`expected to be ready within ${readyWithinMs} ms: ${why}`)
  }
  return {
    app: built,
    metrics: tools.metrics,
    unready: () => (state === 'open' ? built.health.unready() : state),
    close,
    [Symbol.asyncDispose]: close,
  }
}
