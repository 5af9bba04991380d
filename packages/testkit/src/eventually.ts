import { setTimeout as sleep } from 'node:timers/promises'

/** What Jest makes of a failed `expect` costs a millisecond or more of the processor: a long wait looks less often. */
const pauseMs = (waitedMs: number): number => Math.min(100, 10 + waitedMs / 20)

/**
 * Calls `attempt` until it does not throw, and resolves with what it gave. The way to wait in tests: for a condition,
 * never for a time. 60 s by default, generous since a passing test does not use it. Between two attempts there are 10 ms,
 * after two seconds 100 ms, or `everyMs` where one is given.
 * @throws what the last attempt threw, with the time and the number of attempts in front.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMs = 60_000, everyMs }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const startedMs = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      const waitedMs = performance.now() - startedMs
      if (waitedMs > withinMs) {
        const last = error instanceof Error ? error.message : String(error)
        throw new Error(`not within ${withinMs} ms (${attempts} attempts): ${last}`, { cause: error })
      }
      await sleep(everyMs ?? pauseMs(waitedMs))
    }
  }
}
