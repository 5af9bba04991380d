import { CAPACITY_WAIT_MS, type ByteBudget, type ByteLease, type BytePart } from '@freshet/kit'
import { StoreError } from './errors.ts'

/** Stored versions up to this size are read without querying their size first. */
const SMALL_BYTES = 16 * 1024

/** A reply is held twice while it is assembled; then come the next version, its statement and its message. */
const COPIES = 5

/** A version may grow between two reads; after this many, report a conflict. */
const MAX_READS = 4

/** The stored version is larger than the reserved capacity. */
export class VersionTooLarge extends Error {
  override readonly name = 'VersionTooLarge'
  readonly bytes: number

  constructor(bytes: number) {
    super(`the stored version has ${bytes} bytes`)
    this.bytes = bytes
  }
}

/** Shares of the memory budget. */
const READS_SHARE = 1 / 4
const LARGE_READS_SHARE = 1 / 2

/** Memory budgets for reads. Small reads never queue behind large ones. */
export interface ReadBudgetParts {
  readonly small: BytePart
  readonly large: BytePart
  /** Large reads that may wait for capacity. Each occupies a slot for writes in flight, and small writes need some. */
  readonly maxLargeWaiting: number
}

/** Memory budget for stored versions that are read: a tiny request may be about a document of 16 MiB. */
export class ReadBudget {
  readonly #parts: ReadBudgetParts

  constructor(parts: ReadBudgetParts) {
    this.#parts = parts
  }

  /**
   * Runs work that may read a version of up to `maxBytes` and throws {@link VersionTooLarge} for a larger one, before
   * it has written anything. It is then run again with more capacity. @throws {StoreError} CROWDED, CONFLICT
   */
  async run<T>(work: (maxBytes: number) => Promise<T>): Promise<T> {
    let maxBytes = SMALL_BYTES
    for (let read = 1; read <= MAX_READS; read += 1) {
      const part = maxBytes > SMALL_BYTES ? this.#parts.large : this.#parts.small
      using lease = part.lease()
      if (!lease.tryAcquire(maxBytes * COPIES)) await this.#wait(lease, maxBytes * COPIES)
      try {
        return await work(maxBytes)
      } catch (error) {
        if (!(error instanceof VersionTooLarge)) throw error
        maxBytes = error.bytes
      }
    }
    throw new StoreError('CONFLICT', `the version grew ${MAX_READS} times`)
  }

  async #wait(lease: ByteLease, bytes: number): Promise<void> {
    const { large, maxLargeWaiting } = this.#parts
    if (lease.part === large && large.waiting >= maxLargeWaiting)
      throw new StoreError('CROWDED', `${maxLargeWaiting} writes are waiting to read a large document`)
    if (!(await lease.acquireInTime(bytes)))
      throw new StoreError('CROWDED', `no capacity for ${bytes} bytes within ${CAPACITY_WAIT_MS} ms`)
  }
}

/** The budget of a writer with at most `maxWrites` at a time. */
export function readBudgetOf(budget: ByteBudget, maxWrites: number): ReadBudget {
  return new ReadBudget({
    small: budget.part('looks', budget.maxBytes * READS_SHARE),
    large: budget.part('large_looks', budget.maxBytes * LARGE_READS_SHARE),
    maxLargeWaiting: Math.floor(maxWrites / 2),
  })
}
