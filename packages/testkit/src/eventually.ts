import { setTimeout as sleep } from 'node:timers/promises'

/** A failed `expect` takes a millisecond or more of CPU time, so a long wait polls less often. */
const pauseMs = (waitedMs: number): number => Math.min(100, 10 + waitedMs / 20)

/**
 * Calls `attempt` until it does not throw, and resolves with its result. Tests wait with this, never with a sleep. The limit
 * of 150 s is generous because passing tests do not reach it, even on a busy machine. The pause between attempts grows from 10 ms to 100 ms after two
 * seconds, or is `everyMs`.
 * @throws the last error, prefixed with the time and the number of attempts.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { withinMs = 150_000, everyMs }: { readonly withinMs?: number; readonly everyMs?: number } = {},
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
