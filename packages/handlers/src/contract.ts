import type { Id, Lineage, Position } from '@freshet/protocol'

/** Identifies a changed document, without its content. Read it at `at` or later. */
export interface HeardChange {
  readonly collection: string
  readonly id: Id
  /** The database contains the change from this position on. */
  readonly at: Position
  /** The handlers that caused it, as far as its writer knew; empty if there are none. */
  readonly cause: Lineage
}

/** A collection that a handler writes to, and why that does not loop. */
export interface WriteAllowance {
  /** Name in ASCII without spaces; `database.name` for other databases. */
  readonly collection: string
  /** For readers of the code, the log and the status page. */
  readonly reason: string
}

/**
 * What a handler receives in addition to the change. `fetch` to a writer and `headers` are valid until the call ends;
 * then they throw HandlerError STALE_CONTEXT.
 */
export interface HandlerContext {
  /** Aborts when the handler must stop. */
  readonly signal: AbortSignal
  /**
   * Like the global `fetch`. Requests to the declared `writers` also carry their lineage and follow no redirects.
   * Requests that may write are subject to the breaker and may reject with HandlerError BREAKER_OPEN.
   */
  readonly fetch: typeof fetch
  /**
   * Headers for requests to a writer by another HTTP client: `Freshet-Hops` and `Freshet-Cause`. Copy them for each
   * request: a copy that is kept for later calls gives the writer the wrong lineage.
   */
  readonly headers: Readonly<Record<string, string>>
}

/** Code that runs because of changes. Without `allowWrites` it must not write. */
export interface ChangeHandler {
  /** Unique in its service: `[a-z][a-z0-9_-]{0,63}`. */
  readonly name: string
  /** The collections whose changes it receives. Each must be followed. */
  readonly collections: readonly string[]
  readonly allowWrites?: readonly WriteAllowance[]
  /**
   * Called with one change at a time, in feed order. A rejection is logged and counted, and the next change follows.
   */
  handle(change: HeardChange, context: HandlerContext): Promise<void> | void
  /** Called when changes may have been missed, with the reason. Anything derived from changes must be rebuilt. */
  reset?(reason: string, context: HandlerContext): Promise<void> | void
}

/** Why a handler's write was refused; a label of the metric. */
export type HandlerRefusalReason = 'undeclared' | 'own-entry' | 'too-many-hops' | 'breaker' | 'stale-context'

/** A refused write, as logged and passed to `onRefusal`. */
export interface HandlerRefusal {
  readonly reason: HandlerRefusalReason
  /** `<service>/<handler>` */
  readonly handler: string
  /** The document whose change caused it: `<collection>/<id>`. */
  readonly heard: string
  /** The target; `undefined` for a request to a writer or a command without a collection. */
  readonly collection: string | undefined
  /** From the first known change to this handler, as text. */
  readonly chain: string
}

/**
 * The state of one handler for operators; counters start at zero. Refusals by the writer are counted there:
 * `freshet_writer_problems_total{code="write-loop"}`.
 */
export interface HandlerStatus {
  readonly handler: string
  readonly allowWrites: readonly WriteAllowance[]
  readonly heard: number
  readonly failed: number
  readonly resets: number
  /**
   * Attempts to write that were permitted: commands of a watched client, and requests to a writer by the handler's
   * `fetch`. Those that fail later count too; a request that `fetch` rejects without trying does not.
   */
  readonly writes: number
  /** Writes refused before they were sent. */
  readonly refusals: Readonly<Record<HandlerRefusalReason, number>>
  /**
   * Processes and threads that it started. Their writes are not visible, and loops through them are not stopped here.
   */
  readonly unseenStarts: number
  /** Number of open breakers. */
  readonly openBreakers: number
}
