import type { Bytes, Change } from '@freshet/protocol'
import type { Batch, Origin } from '../contract.ts'
import type { Sink } from '../follower.ts'

/** Records everything that a follower emits. */
export class Recorder implements Sink {
  readonly origins: Origin[] = []
  readonly errors: string[] = []
  readonly batches: Batch[] = []
  /** `upsert <id> <value>` and so on, across epochs. */
  readonly words: string[] = []
  readonly #valueOf: (document: Bytes) => unknown

  /** @param valueOf extracts the value of a document. */
  constructor(valueOf: (document: Bytes) => unknown = () => undefined) {
    this.#valueOf = valueOf
  }

  begin(origin: Origin): void {
    this.origins.push(origin)
  }

  apply(batch: Batch): void {
    this.batches.push({ ...batch, changes: [] })
    for (const change of batch.changes) this.words.push(this.#inWords(change))
  }

  broken(error: Error): void {
    this.errors.push('code' in error ? String(error.code) : error.message)
  }

  get last(): Batch | undefined {
    return this.batches.at(-1)
  }

  #inWords(change: Change): string {
    if (change.kind === 'upsert') return `upsert ${change.id} ${String(this.#valueOf(change.document))}`
    return 'id' in change ? `${change.kind} ${change.id}` : change.kind
  }
}
