import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `attempt` until it does not throw, and resolves with what it gave. The way to wait in tests: for a condition,
 * never for a time. 60 s by default, generous since a passing test does not use it.
 * @throws what the last attempt threw, with the time and the number of attempts in front.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMs = 60_000, everyMs = 10 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const startedMs = performance.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() - startedMs > withinMs) {
        const last = error instanceof Error ? error.message : String(error)
        throw new Error(`not within ${withinMs} ms (${attempts} attempts): ${last}`, { cause: error })
      }
      await sleep(everyMs)
    }
  }
}
