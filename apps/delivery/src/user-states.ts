import type { Log } from '@freshet/kit'
import type { SourcePosition } from '@freshet/protocol'
import type { UserReads, UserState } from './contract.ts'
import type { Hub } from './hub.ts'
import type { TimerWheel } from './timer-wheel.ts'
import type { UserEntry } from './user-entry.ts'

/** Dependencies of the loader. */
export interface UserStatesParts {
  readonly hub: Hub
  readonly reads: UserReads
  readonly wheel: TimerWheel
  readonly log: Log
  /** Deadline of a read; clients wait 5 s for a reply. */
  readonly withinMs: number
}

/** Reads users' states from the database, with one read for concurrent connects of the same user. */
export class UserStates {
  readonly #parts: UserStatesParts

  constructor(parts: UserStatesParts) {
    this.#parts = parts
  }

  /** `at`: the current position of the feed. Resolves to whether the entry is loaded. Never rejects. */
  load(entry: UserEntry, at: SourcePosition): Promise<boolean> {
    if (entry.loaded) return Promise.resolve(true)
    entry.loading ??= this.#load(entry, at).finally(() => (entry.loading = undefined))
    return entry.loading
  }

  async #load(entry: UserEntry, at: SourcePosition): Promise<boolean> {
    const { hub, reads, wheel, log, withinMs } = this.#parts
    const late = new AbortController()
    const timer = wheel.set(withinMs, () => late.abort())
    try {
      const state = await Promise.race([reads.load(entry.user, at, late.signal), aborted(late.signal)])
      if (state === undefined || entry.lapsed) return false
      hub.fill(entry, state)
      return true
    } catch (err) {
      log.warn({ err }, 'memberships not read')
      return false
    } finally {
      wheel.cancel(timer)
    }
  }
}

function aborted(signal: AbortSignal): Promise<UserState | undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))
}
