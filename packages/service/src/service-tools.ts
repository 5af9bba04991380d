import { randomUUID } from 'node:crypto'
import type { ServiceTools } from './contract.ts'
import { Drain } from './drain.ts'
import { makeFail } from './fail.ts'
import { addInFlightMetrics, openInFlight } from './in-flight.ts'
import { makeVerifier } from './make-verifier.ts'
import { Metrics } from './metrics.ts'
import type { ServiceConfig } from './options.ts'

/** What an app is built with. */
export interface AppTools extends ServiceTools {
  readonly drain: Drain
}

/** Makes what every app is built with. @throws {ConfigError} */
export function serviceTools(
  config: ServiceConfig,
  { log, clock, signal }: Pick<ServiceTools, 'log' | 'clock' | 'signal'>,
): AppTools {
  const metrics = new Metrics()
  const inFlight = openInFlight(config.inFlightBytes, clock)
  addInFlightMetrics(metrics, inFlight.budget)
  return {
    log,
    clock,
    metrics,
    fail: makeFail(log, randomUUID),
    tokens: makeVerifier(config, clock),
    inFlight,
    drain: new Drain(log, clock),
    signal,
  }
}
