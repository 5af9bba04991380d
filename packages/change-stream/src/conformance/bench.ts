import type { Id } from '@freshet/protocol'
import type { ChangeSource, SourceReads } from '../contract.ts'

/** One write of a bench: a whole document that carries a number, a change of it in place, or its removal. */
export type BenchWrite =
  | { readonly kind: 'upsert'; readonly id: Id; readonly value: number }
  | { readonly kind: 'update'; readonly id: Id; readonly value: number }
  | { readonly kind: 'delete'; readonly id: Id }

/** A real source with the means to write to it and to disturb it, by which the suite holds it to the contract. */
export interface SourceBench extends AsyncDisposable {
  readonly source: ChangeSource
  /** None: the source is a log. */
  readonly reads?: SourceReads
  /**
   * Keeps reads from seeing what is committed from now on, until what is returned is called; where a source can do so. Its
   * feed tells it all the same.
   */
  readonly hold?: () => () => void
  /** A collection that is followed and exists; empty at the start. */
  readonly collection: string
  /** The number in a document. */
  valueOf(document: Uint8Array): number
  /** Commits all of it at one position; resolves when it is durable. */
  write(...writes: readonly BenchWrite[]): Promise<void>
  /** A write to a collection that is not followed. */
  writeElsewhere(): Promise<void>
  drop(): Promise<void>
  /** Breaks the connection of a running read. */
  cut(): Promise<void>
  /** Makes another history stand behind the same address. */
  becomeAnother(): Promise<void>
}
