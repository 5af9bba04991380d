import { randomUUID } from 'node:crypto'
import { createVerifier } from './admission.ts'
import { createFail } from './answers.ts'
import type { ServiceTools } from './contract.ts'
import { Drain } from './drain.ts'
import { addInFlightMetrics, openInFlight } from './in-flight.ts'
import { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'

/** The tools that `build` receives. */
export interface AppTools extends ServiceTools {
  readonly drain: Drain
}

/** Creates the tools of an app. @throws {ConfigError} */
export function serviceTools(
  config: ServiceConfig,
  { log, clock, signal, requests }: Pick<ServiceTools, 'log' | 'clock' | 'signal' | 'requests'>,
): AppTools {
  const metrics = new Metrics()
  const inFlight = openInFlight(config.inFlightBytes, clock)
  addInFlightMetrics(metrics, inFlight.budget)
  return {
    log,
    clock,
    metrics,
    fail: createFail(log, randomUUID),
    tokens: createVerifier(config, clock),
    inFlight,
    drain: new Drain(log, clock),
    requests,
    signal,
  }
}
