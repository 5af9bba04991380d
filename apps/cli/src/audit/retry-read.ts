import type { Clock } from '@freshet/kit'
import type { Unknown } from './contract.ts'

const withinMs = 10_000
const pauseMs = 200

/** Permanent errors: the snapshot history is lost or never existed. https://www.mongodb.com/docs/manual/reference/error-codes/ */
const finalCodes: ReadonlySet<unknown> = new Set([
  13, // Unauthorized
  72, // InvalidOptions: after the latest cluster time
  239, // SnapshotTooOld
  246, // SnapshotUnavailable: older than the current catalog entry
  286, // ChangeStreamHistoryLost
])

/** Retries a failing read for a while, for example during an election. Then returns the reason. */
export async function retryRead<T>(
  failure: string,
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
        return { kind: 'unknown', reason: `${failure}: ${nameOf(error)}` }
      await clock.sleep(pauseMs, new AbortController().signal)
    }
  }
}

/** Short, so that equal reasons are counted together. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'codeName' in error ? String(error.codeName) : error.name
}
