import type { ByteLease, BytePart } from '@freshet/kit'
import type { ServerResponse } from 'node:http'

/** Bodies up to this size are sent in one write. */
const SINGLE_WRITE_BYTES = 256 * 1024

/** Larger bodies are sent in chunks of this size, because progress within a single write cannot be observed. */
const CHUNK_BYTES = 64 * 1024

/**
 * Memory budget for responses that slow clients have not read yet. A client that reads less than one chunk in four
 * seconds is disconnected when other responses need the space.
 */
export class ResponseBudget {
  readonly #part: BytePart

  constructor(part: BytePart) {
    this.#part = part
  }

  /** Whether a response of this size can be sent now. */
  hasCapacity(bytes: number): boolean {
    return this.#part.hasCapacity(bytes)
  }

  /**
   * Waits for space, which is released when the response closes. Resolves with `undefined` if the signal aborts first.
   * Do not hold the response body while waiting.
   */
  async acquire(
    response: ServerResponse,
    bytes: number,
    signal: AbortSignal,
  ): Promise<ByteLease | undefined> {
    const lease = this.#part.lease()
    if (!(await lease.acquire(bytes, signal))) return undefined
    releaseOnClose(response, lease)
    return lease
  }

  /**
   * Like `response.end(bytes)`. Requires either {@link ResponseBudget.hasCapacity} in this turn, or a `lease` that
   * covers the bytes.
   */
  end(response: ServerResponse, bytes: Buffer, lease?: ByteLease): void {
    if (lease === undefined && bytes.length <= SINGLE_WRITE_BYTES) {
      response.end(bytes)
      // The kernel usually accepts it at once.
      if (!response.writableFinished) makeRevocable(response, this.#lease(response, bytes.length))
    } else endWithBytes(response, bytes, lease ?? this.#lease(response, bytes.length))
  }

  #lease(response: ServerResponse, bytes: number): ByteLease {
    const lease = this.#part.lease()
    lease.tryAcquire(bytes)
    releaseOnClose(response, lease)
    return lease
  }
}

/**
 * Like `response.end(bytes)`, for bytes counted by `lease`. Writes in chunks so that client progress can be observed. Goes
 * by the result of `write` and by `drain`: middleware that replaces `write`, such as compression, drops its callback.
 */
export function endWithBytes(response: ServerResponse, bytes: Buffer, lease: ByteLease): void {
  makeRevocable(response, lease)
  if (bytes.length <= SINGLE_WRITE_BYTES) return void response.end(bytes)
  // A connection keeps its last response, which must not keep the body.
  let rest: Buffer | undefined = bytes
  const next = (): void => {
    // The host may have ended it. A listener that compression moved to its encoder cannot be removed.
    while (rest !== undefined && !response.destroyed && !response.writableEnded) {
      lease.touch()
      const chunk = rest.subarray(0, CHUNK_BYTES)
      rest = rest.length > CHUNK_BYTES ? rest.subarray(CHUNK_BYTES) : undefined
      if (rest === undefined) response.end(chunk)
      else {
        // A replaced `write` may return nothing: then no `drain` can be relied on.
        const written: unknown = response.write(chunk)
        if (written === false) return
      }
    }
    rest = undefined
    response.off('drain', next)
  }
  response.on('drain', next)
  next()
}

function makeRevocable(response: ServerResponse, lease: ByteLease): void {
  lease.makeRevocable(() => response.destroy())
}

function releaseOnClose(response: ServerResponse, lease: ByteLease): void {
  const release = (): void => lease[Symbol.dispose]()
  if (response.closed) release()
  else response.once('close', release)
}
