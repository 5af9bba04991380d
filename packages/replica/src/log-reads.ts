import type { SourceReads, SourceReply } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import type { Watermark } from './watermark.ts'

/** The reads of a source that is a log: its feed has told everything, so a cache that holds all answers for it. */
export class LogReads implements SourceReads {
  readonly #watermark: Watermark
  readonly #clock: Clock

  constructor(watermark: Watermark, clock: Clock) {
    this.#watermark = watermark
    this.#clock = clock
  }

  /** What is asked for is not held, and whatever the feed tells meanwhile wins: at `position` there is none. */
  read(): Promise<SourceReply> {
    return Promise.resolve({ kind: 'exact', documents: new Map() })
  }

  /** Where W stands at the first proof that was made after this call; one of the same moment may be older. */
  async head(signal: AbortSignal): Promise<Position> {
    const asked = this.#clock.now()
    while (this.#watermark.provedAt <= asked) {
      await this.#watermark.advanced
      signal.throwIfAborted()
    }
    return this.#watermark.at
  }

  check(collections: readonly string[]): Promise<ReadonlyMap<string, undefined>> {
    return Promise.resolve(new Map(collections.map((name) => [name, undefined])))
  }
}
