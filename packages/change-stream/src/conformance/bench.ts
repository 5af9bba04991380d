import type { Id } from '@freshet/protocol'
import type { ChangeSource, SourceReads } from '../contract.ts'

/** One write of a bench: upserts a document that contains a number, updates it in place, or deletes it. */
export type BenchWrite =
  | { readonly kind: 'upsert'; readonly id: Id; readonly value: number }
  | { readonly kind: 'update'; readonly id: Id; readonly value: number }
  | { readonly kind: 'delete'; readonly id: Id }

/** A real source, with the means to write to it and to disturb it, for the conformance suite. */
export interface SourceBench extends AsyncDisposable {
  readonly source: ChangeSource
  /** `undefined`: the source is a log. */
  readonly reads?: SourceReads
  /**
   * Hides subsequent commits from reads, but not from the feed, until the returned function is called. Only for sources
   * that can do so.
   */
  readonly hold?: () => () => void
  /** The source forgets its position with the connection: a broken connection loses the history. */
  readonly forgets?: true
  /** The source was asked for the second of each change. */
  readonly seconds?: true
  /** An existing, followed collection, initially empty. */
  readonly collection: string
  /** The number in a document. */
  valueOf(document: Uint8Array): number
  /** Commits all writes at one position; resolves when they are durable. */
  write(...writes: readonly BenchWrite[]): Promise<void>
  /** Writes to a collection that is not followed. */
  writeElsewhere(): Promise<void>
  drop(): Promise<void>
  /** Breaks the connection of a running read. */
  cut(): Promise<void>
  /** Puts another history behind the same address. */
  becomeAnother(): Promise<void>
}
