import type { Change } from '@freshet/protocol'
import { deserialize } from 'bson'
import type { Batch, Origin } from '@freshet/change-stream'
import type { Sink } from '@freshet/change-stream'

/** Writes down all that a follower says. */
export class Recorder implements Sink {
  readonly origins: Origin[] = []
  readonly errors: string[] = []
  readonly batches: Batch[] = []
  /** `put <id> <value>` and the like, of all epochs. */
  readonly words: string[] = []

  begin(origin: Origin): void {
    this.origins.push(origin)
  }

  apply(batch: Batch): void {
    this.batches.push({ ...batch, changes: [] })
    for (const change of batch.changes) this.words.push(inWords(change))
  }

  broken(error: Error): void {
    this.errors.push('code' in error ? String(error.code) : error.message)
  }

  get last(): Batch | undefined {
    return this.batches.at(-1)
  }
}

function inWords(change: Change): string {
  if (change.kind === 'put') return `put ${change.id} ${String(deserialize(change.document)['value'])}`
  return 'id' in change ? `${change.kind} ${change.id}` : change.kind
}
