import { setTimeout as pause } from 'node:timers/promises'
import type { Change, Id, Position } from '@freshet/protocol'
import type { Batch, ChangeSource, Origin, SourceReply, SourceReads } from '@freshet/change-stream'
import type { Random } from './random.ts'

/** Delays reads before the server receives them and replies afterwards. The delays are the fault; nothing waits for them. */
export class DelayedReads implements SourceReads {
  readonly #inner: SourceReads
  readonly #random: Random

  constructor(inner: SourceReads, random: Random) {
    this.#inner = inner
    this.#random = random
  }

  async read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    signal: AbortSignal,
  ): Promise<SourceReply> {
    await this.#wait()
    const answer = await this.#inner.read(position, collection, ids, signal)
    await this.#wait()
    return answer
  }

  head(signal: AbortSignal): Promise<Position> {
    return this.#inner.head(signal)
  }

  check(
    collections: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string | undefined>> {
    return this.#inner.check(collections, signal)
  }

  async #wait(): Promise<void> {
    if (this.#random.chance(0.3)) await pause(this.#random.int(15))
  }
}

/** A feed with random delays: the replica lags by a different time at each batch. The delays are the fault here too. */
export class DelayedSource implements ChangeSource {
  readonly #inner: ChangeSource
  readonly #random: Random

  constructor(inner: ChangeSource, random: Random) {
    this.#inner = inner
    this.#random = random
  }

  wallTimeMs(position: Position): number | undefined {
    return this.#inner.wallTimeMs(position)
  }

  start(signal: AbortSignal): Promise<Origin> {
    return this.#inner.start(signal)
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncIterable<Batch> {
    for await (const batch of this.#inner.read(origin, signal)) {
      // The bytes of the batch are valid until the next await.
      const kept = { ...batch, changes: batch.changes.map(copied) }
      if (this.#random.chance(0.03)) await pause(this.#random.int(20))
      yield kept
    }
  }
}

/** A change that outlives its turn. */
export function copied(change: Change): Change {
  return change.kind === 'upsert' ? { ...change, document: Buffer.from(change.document) } : change
}
