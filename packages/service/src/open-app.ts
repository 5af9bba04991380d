import { ConfigError, defineOptions, Lifecycle, readConfig, systemClock, variableOf } from '@freshet/kit'
import type { ConfigOf, Log, OptionTable } from '@freshet/kit'
import { readFileSync } from 'node:fs'
import type { App, ServiceDefinition } from './contract.ts'
import type { Metrics } from './metrics.ts'
import { serviceOptions, type ServiceConfig } from './options.ts'
import { serviceTools } from './service-tools.ts'

/** How an app is opened inside a program of somebody else. */
export interface OpenAppOptions {
  /**
   * The options of `--help`, by their names without dashes: `{ database: 'shop', 'cache-size': '64MiB' }`. Those of ports
   * have no effect: the program has a port of its own.
   */
  readonly settings: Readonly<Record<string, string>>
  /** Default: says nothing. */
  readonly log?: Log
  /** The longest wait until it may get requests, in milliseconds; default 30,000. */
  readonly readyWithinMs?: number
}

/** An app without ports of its own, which runs. */
export interface OpenApp<Built extends App> extends AsyncDisposable {
  readonly app: Built
  /** For a metrics page of the program's. */
  readonly metrics: Metrics
  /** Why it should get no requests now, in a few words. */
  unready(): string | undefined
  /** Ends what waits and stops all; twice is once. Close the program's port at the same time. */
  close(): Promise<void>
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Between two looks whether it is ready. */
const LOOK_EVERY_MS = 10

/** What parts get to stop beside what runs. */
const PART_EXTRA_MS = 1_000

/**
 * Builds and starts an app for a program that mounts it. Resolves when it may get requests.
 * @throws {ConfigError} a setting is wrong; a start that fails; an `Error` when it is not ready in time. Nothing is left open.
 */
export async function openApp<Options extends OptionTable, Built extends App>(
  definition: ServiceDefinition<Options, Built>,
  { settings, log = silent, readyWithinMs = 30_000 }: OpenAppOptions,
): Promise<OpenApp<Built>> {
  // The table is the sum of both, which the compiler does not see through.
  const config = readConfig<OptionTable>(defineOptions({ ...serviceOptions, ...definition.options }), {
    argv: [],
    env: Object.fromEntries(Object.entries(settings).map(([name, text]) => [variableOf(name), text])),
    readFile: (path) => readFileSync(path, 'utf8'),
  }) as ConfigOf<Options> & ServiceConfig
  if (config.noTokens)
    throw new ConfigError(
      'CONFLICT',
      'no-tokens is for services on a loopback address; the program may listen elsewhere.',
    )
  const clock = systemClock
  const starting = new AbortController()
  const tools = serviceTools(config, { log, clock, signal: starting.signal })
  const lifecycle = new Lifecycle({ log, clock, stopWithinMs: config.stopWithinMs + PART_EXTRA_MS })
  const timer = clock.sleep(readyWithinMs, starting.signal).then(() => starting.abort())
  let built: Built
  try {
    built = await definition.build(config, tools)
    await lifecycle.start(built.parts)
    while (built.health.unready() !== undefined && !starting.signal.aborted)
      await clock.sleep(LOOK_EVERY_MS, starting.signal)
  } finally {
    starting.abort()
    await timer
  }
  const why = built.health.unready()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> =>
    (closing ??= tools.drain.run(config.stopWithinMs).then(() => lifecycle.stop()))
  if (why !== undefined) {
    await close()
    throw new Error(`expected to be ready within ${readyWithinMs} ms: ${why}`)
  }
  return {
    app: built,
    metrics: tools.metrics,
    unready: () => built.health.unready(),
    close,
    [Symbol.asyncDispose]: close,
  }
}
