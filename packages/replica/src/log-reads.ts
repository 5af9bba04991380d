import type { SourceReads, SourceReply } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import type { Watermark } from './watermark.ts'

/** The point reads of a log. Its feed delivers every document, so a complete cache answers all reads. */
export class LogReads implements SourceReads {
  readonly #watermark: Watermark
  readonly #clock: Clock

  constructor(watermark: Watermark, clock: Clock) {
    this.#watermark = watermark
    this.#clock = clock
  }

  /** Only documents that are not cached are requested, so they are absent at `position`. Changes from the feed win. */
  read(): Promise<SourceReply> {
    return Promise.resolve({ kind: 'exact', documents: new Map() })
  }

  /** W at the first proof strictly after this call: one with the same timestamp may be older. */
  async head(signal: AbortSignal): Promise<Position> {
    const calledAt = this.#clock.now()
    while (this.#watermark.provedAt <= calledAt) {
      await this.#watermark.advanced
      signal.throwIfAborted()
    }
    return this.#watermark.at
  }

  check(collections: readonly string[]): Promise<ReadonlyMap<string, undefined>> {
    return Promise.resolve(new Map(collections.map((name) => [name, undefined])))
  }
}
