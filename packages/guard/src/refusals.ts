// R.5 fails without this file: a refusal is neither counted nor logged.
import type { Log } from '@freshet/kit'
import { GuardError } from './errors.ts'

/** Why something was refused; the metric's label. `message`: the bytes are not one plain read command. */
export type RefusalReason = 'command' | 'database' | 'message' | 'name'

/** The reason of a refusal, and the offending name (`insert`, `$out`, …). */
export interface Refusal {
  readonly reason: RefusalReason
  readonly what: string
}

/** Counts refusals by reason and logs them with the caller's stack. */
export class Refusals {
  readonly #counts: Record<RefusalReason, number> = { command: 0, database: 0, message: 0, name: 0 }
  readonly #log: Log
  readonly #onRefusal: ((refusal: Refusal) => void) | undefined
  /** Our own attempts that have not been refused yet. */
  readonly #rehearsals = new Set<{ readonly command: string }>()

  constructor(log: Log, onRefusal: ((refusal: Refusal) => void) | undefined) {
    this.#log = log
    this.#onRefusal = onRefusal
  }

  /** Counts, logs, and returns the error to throw. */
  refuse(refusal: Refusal): GuardError {
    const error = new GuardError(
      'WRITE_REFUSED',
      `${refusal.reason} ${JSON.stringify(refusal.what)} is not a read`,
    )
    for (const rehearsal of this.#rehearsals) {
      if (refusal.reason !== 'command' || refusal.what !== rehearsal.command) continue
      this.#rehearsals.delete(rehearsal)
      return error
    }
    this.#counts[refusal.reason]++
    this.#log.error(
      { reason: refusal.reason, what: refusal.what, stack: error.stack },
      'guard: refused a command',
    )
    this.#onRefusal?.(refusal)
    return error
  }

  /** Runs our own attempt that must be refused. Its refusal is expected and not counted. */
  async rehearse<T>(command: string, attempt: () => Promise<T>): Promise<T> {
    const rehearsal = { command }
    this.#rehearsals.add(rehearsal)
    try {
      return await attempt()
    } finally {
      this.#rehearsals.delete(rehearsal)
    }
  }

  /** A copy of the counts, with zeros. */
  counts(): Readonly<Record<RefusalReason, number>> {
    return { ...this.#counts }
  }
}
