import type { Clock } from '@freshet/kit'
import type { Unknown } from './contract.ts'

const withinMs = 10_000
const pauseMs = 200

/** What stays as it is: the past is gone, or it was never there. https://www.mongodb.com/docs/manual/reference/error-codes/ */
const finalCodes: ReadonlySet<unknown> = new Set([
  13, // Unauthorized
  72, // InvalidOptions: beyond what the cluster knows
  239, // SnapshotTooOld
  246, // SnapshotUnavailable: older than the present form of the collection
  286, // ChangeStreamHistoryLost
])

/** Reads again for a while when the database fails, as in an election; then it is not known, for this reason. */
export async function tryAgain<T>(
  wanted: string,
  clock: Clock,
  read: () => Promise<T>,
): Promise<T | Unknown> {
  const until = clock.now() + withinMs
  for (;;) {
    try {
      return await read()
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error
      const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
      if (finalCodes.has(code) || clock.now() >= until)
        return { kind: 'unknown', reason: `${wanted}: ${nameOf(error)}` }
      await clock.sleep(pauseMs, new AbortController().signal)
    }
  }
}

/** Short, so that equal reasons are counted together. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'codeName' in error ? String(error.codeName) : error.name
}
