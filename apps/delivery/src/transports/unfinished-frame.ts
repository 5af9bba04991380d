import type { BufferBudget } from '../buffer-budget.ts'

/** Where bytes of a client come from: a TCP socket. */
export interface ByteSource {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  prependListener(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
}

/** A client's frame has a head of at least 6 bytes, 8 if its payload is longer than this. */
const SHORT_BYTES = 125

/**
 * Counts what a client has sent of a frame that is not complete, which npm `ws` keeps and does not report. An upper bound:
 * exact for frames that come alone, a few bytes more for those in fragments.
 */
export class UnfinishedFrame {
  readonly #source: ByteSource
  readonly #budget: BufferBudget
  readonly #onExcess: () => void
  #bytes = 0
  #ofChunk = 0

  /** `source`: the parser listens to it already. `onExcess`: the budget is exceeded, and this client has more than its share. */
  constructor(source: ByteSource, budget: BufferBudget, onExcess: () => void) {
    this.#source = source
    this.#budget = budget
    this.#onExcess = onExcess
    source.prependListener('data', this.#beforeParser)
    source.on('data', this.#afterParser)
  }

  get bufferedBytes(): number {
    return this.#bytes
  }

  cut(): void {
    this.#onExcess()
  }

  /** The parser has completed a frame with this payload. What remains is at most the rest of the last chunk. */
  completed(payloadBytes: number): void {
    this.#ofChunk = Math.max(0, this.#ofChunk - payloadBytes - (payloadBytes > SHORT_BYTES ? 8 : 6))
    this.#bytes = this.#ofChunk
  }

  /** The parser reads no more. */
  stop(): void {
    this.#source.off('data', this.#beforeParser)
    this.#source.off('data', this.#afterParser)
    this.#budget.forget(this)
  }

  readonly #beforeParser = ({ length }: Buffer): void => {
    this.#bytes += length
    this.#ofChunk = length
  }

  readonly #afterParser = (): void => {
    if (!this.#budget.allows(this)) this.#onExcess()
  }
}
