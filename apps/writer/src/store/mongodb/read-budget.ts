import { CAPACITY_WAIT_MS, type ByteLease, type BytePart } from '@freshet/kit'
import { StoreError } from '../errors.ts'

/** Stored versions up to here are looked at without being asked for their size. */
const SMALL_BYTES = 16 * 1024

/** A reply lies twice in memory while it is put together; the next version, its statement and its message come on top. */
const COPIES = 5

/** A version may grow between two looks; after so many it is said that others were faster. */
const MAX_LOOKS = 4

/** The stored version has more bytes than there is room for. */
export class LargerVersion extends Error {
  override readonly name = 'LargerVersion'
  readonly bytes: number

  constructor(bytes: number) {
    super(`the stored version has ${bytes} bytes`)
    this.bytes = bytes
  }
}

/** Where looks find room. Small ones never stand in line behind large ones. */
export interface LookParts {
  readonly small: BytePart
  readonly large: BytePart
  /** Large looks that may wait for room. Each has a place among the writes under way, of which small ones need some. */
  readonly maxLargeWaiting: number
}

/** Room for stored versions that are looked at: a request of some bytes may be about a document of 16 MiB. */
export class LookRoom {
  readonly #parts: LookParts

  constructor(parts: LookParts) {
    this.#parts = parts
  }

  /**
   * Runs work that may look at a version of so many bytes, and throws {@link LargerVersion} of a larger one: it has
   * written nothing then, and is run again when there is room for that. @throws {StoreError} CROWDED, CONFLICT
   */
  async run<T>(work: (maxBytes: number) => Promise<T>): Promise<T> {
    let maxBytes = SMALL_BYTES
    for (let look = 1; look <= MAX_LOOKS; look += 1) {
      const part = maxBytes > SMALL_BYTES ? this.#parts.large : this.#parts.small
      using lease = part.lease()
      if (!lease.tryAcquire(maxBytes * COPIES)) await this.#wait(lease, maxBytes * COPIES)
      try {
        return await work(maxBytes)
      } catch (error) {
        if (!(error instanceof LargerVersion)) throw error
        maxBytes = error.bytes
      }
    }
    throw new StoreError('CONFLICT', `the version grew, ${MAX_LOOKS} times`)
  }

  async #wait(lease: ByteLease, bytes: number): Promise<void> {
    const { large, maxLargeWaiting } = this.#parts
    if (lease.part === large && large.waiting >= maxLargeWaiting)
      throw new StoreError('CROWDED', `${maxLargeWaiting} writes wait to look at a large document`)
    if (!(await lease.acquireInTime(bytes)))
      throw new StoreError('CROWDED', `no room for ${bytes} bytes within ${CAPACITY_WAIT_MS} ms`)
  }
}
