import type { Id, Lineage, Position } from '@freshet/protocol'

/** Which document changed, and not to what. Read it at `at` or later. */
export interface HeardChange {
  readonly collection: string
  readonly id: Id
  /** The database holds the change from here on. */
  readonly at: Position
  /** The handlers that it descends from, as far as its writer knew; empty: no handler's. */
  readonly cause: Lineage
}

/** A collection that a handler writes, and why that makes no loop. */
export interface WriteAllowance {
  /** Its name, in ASCII and without spaces; `database.name` for one outside of the database that is followed. */
  readonly collection: string
  /** For whoever reads the code, the log and the status page. */
  readonly reason: string
}

/** What a call of a handler gets beside the change. */
export interface HandlerContext {
  /** Aborts when the handler must stop. */
  readonly signal: AbortSignal
  /**
   * As the global `fetch`. A request to one of the declared `writers` also tells the writer what it descends from, and is
   * not redirected. One that may write takes part in the breaker: it rejects with HandlerError BREAKER_OPEN.
   */
  readonly fetch: typeof fetch
  /** What a request to a writer must carry when another HTTP client sends it: `Freshet-Hops` and `Freshet-Cause`. */
  readonly headers: Readonly<Record<string, string>>
}

/** Code that runs because of changes. Without `allowWrites` it may write nothing. */
export interface ChangeHandler {
  /** Unique in its service: `[a-z][a-z0-9_-]{0,63}`. */
  readonly name: string
  /** The collections whose changes it hears; each must be followed. */
  readonly collections: readonly string[]
  readonly allowWrites?: readonly WriteAllowance[]
  /** Called with one change at a time, in the order of the feed. A rejection is logged and counted, and the next change follows. */
  handle(change: HeardChange, context: HandlerContext): Promise<void> | void
  /** Called where changes may have been missed; `reason` says why. Whatever was made of them must be made anew. */
  reset?(reason: string, context: HandlerContext): Promise<void> | void
}

/** Why a write of a handler was refused; a label of the metric. */
export type HandlerRefusalReason = 'undeclared' | 'own-entry' | 'too-many-hops' | 'breaker'

/** One refused write, told to `onRefusal` and in the log. */
export interface HandlerRefusal {
  readonly reason: HandlerRefusalReason
  /** `<service>/<handler>` */
  readonly handler: string
  /** The document whose change led to it: `<collection>/<id>`. */
  readonly heard: string
  /** What it would have written; `undefined`: a request to a writer, or a command about no collection. */
  readonly collection: string | undefined
  /** From the first change that is known to this handler on, as text. */
  readonly chain: string
}

/**
 * What an operator sees of one handler; counters start at zero with it. What the writer refuses is counted there:
 * `freshet_writer_problems_total{code="write-loop"}`.
 */
export interface HandlerStatus {
  readonly handler: string
  readonly allowWrites: readonly WriteAllowance[]
  readonly heard: number
  readonly failed: number
  readonly resets: number
  /** Writes that were let through: commands of a watched client, and requests to a writer by the handler's `fetch`. */
  readonly writes: number
  /** Such writes that were refused before they left. */
  readonly refusals: Readonly<Record<HandlerRefusalReason, number>>
  /** Processes and threads that it started. What these write is not seen, and a loop through them is not stopped here. */
  readonly unseenStarts: number
  /** Breakers that are open now. */
  readonly openBreakers: number
}
