import type { Lineage } from '@freshet/protocol'
import type { Cause, Written } from './cause.ts'
import type { Echo } from './echoes.ts'
import type { UnseenStart } from './unseen-starts.ts'

/** The handler that a call belongs to. */
export interface RunOwner {
  readonly database: string
  judge(run: Run, written: Written): (changed: number) => void
  /** Counts a write that another call's `fetch` sends. Returns a function that refunds it. */
  charge(run: Run): () => void
  started(what: UnseenStart, heard: string): void
}

/** One call of a handler. Its `fetch` and `headers` are valid until it ends. */
export class Run implements Cause {
  readonly lineage: Lineage
  readonly heard: string
  /** The handlers of this process that may have caused it. */
  readonly echo: Echo
  readonly #owner: RunOwner
  /** The breaker's decision on its first write; `undefined` before that. */
  admitted: boolean | undefined
  /** Number of writes that changed something, as far as known. */
  lasting = 0
  ended = false

  constructor(owner: RunOwner, lineage: Lineage, heard: string, echo: Echo) {
    this.#owner = owner
    this.lineage = lineage
    this.heard = heard
    this.echo = echo
  }

  get database(): string {
    return this.#owner.database
  }

  judge(written: Written): (changed: number) => void {
    return this.#owner.judge(this, written)
  }

  charge(): () => void {
    return this.#owner.charge(this)
  }

  started(what: UnseenStart): void {
    this.#owner.started(what, this.heard)
  }
}
