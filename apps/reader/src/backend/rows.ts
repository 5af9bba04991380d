import { ChangeStreamError } from '@freshet/change-stream'
import { etagOf } from '@freshet/documents'
import { Backoff, ConfigError } from '@freshet/kit'
import { documentEncoder } from '../read-document.ts'
import type { BackendTools } from './contract.ts'

/** A row is JSON already when it leaves the source. The copy owns its memory. */
export const rowEncoder = documentEncoder((document) => {
  const json = Buffer.from(document)
  return { json, etag: etagOf(json) }
})

/** Retries while the source is unreachable: an outage during a rollout must not end new processes. */
const BACKOFF = { firstMs: 1_000, maxMs: 10_000 } as const

/**
 * Checks the source, and waits until it is reachable.
 * @param what the source, for the log.
 * @param option the option with its address.
 * @throws {ConfigError} retrying cannot help.
 */
export async function checked(
  what: string,
  option: string,
  check: () => Promise<void>,
  { log, clock, signal }: BackendTools,
): Promise<void> {
  const backoff = new Backoff(BACKOFF, Math.random)
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (!(error instanceof ChangeStreamError)) throw error
      if (!error.retry) throw new ConfigError('BAD_VALUE', `${option}: ${error.message}`, { cause: error })
      log.warn({ err: error }, `${what} is unreachable, retrying`)
      await clock.sleep(backoff.next(), signal)
      signal.throwIfAborted()
    }
  }
}
