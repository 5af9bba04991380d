import type { ByteLease, BytePart } from '@freshet/kit'
import type { ServerResponse } from 'node:http'

/** Up to here a body leaves by one write. */
const WHOLE_BYTES = 256 * 1024

/** Larger ones leave in pieces of so much: what was taken of one large piece could not be told. */
const PIECE_BYTES = 64 * 1024

/**
 * Room for answers whose clients may take them slowly, which takes memory beside all else. A client that takes less than
 * a piece of its answer in four seconds is cut off when others want the room.
 */
export class AnswerRoom {
  readonly #part: BytePart

  constructor(part: BytePart) {
    this.#part = part
  }

  /** Whether an answer of so many bytes may be made in this turn. */
  has(bytes: number): boolean {
    return this.#part.hasCapacity(bytes)
  }

  /**
   * Waits for room, which is given back when the response has left or its client is gone; `undefined`: the signal aborted
   * first. Keep no answer meanwhile.
   */
  async wait(response: ServerResponse, bytes: number, signal: AbortSignal): Promise<ByteLease | undefined> {
    const lease = this.#part.lease()
    if (!(await lease.acquire(bytes, signal))) return undefined
    giveBackWith(response, lease)
    return lease
  }

  /** As `response.end(bytes)`, for bytes that there {@link AnswerRoom.has} been room for, or that `lease` holds. */
  end(response: ServerResponse, bytes: Buffer, lease?: ByteLease): void {
    if (lease === undefined && bytes.length <= WHOLE_BYTES) {
      response.end(bytes)
      // Most clients take it at once.
      if (!response.writableFinished) letEnd(response, this.#hold(response, bytes.length))
    } else endWithBytes(response, bytes, lease ?? this.#hold(response, bytes.length))
  }

  #hold(response: ServerResponse, bytes: number): ByteLease {
    const lease = this.#part.lease()
    lease.tryAcquire(bytes)
    giveBackWith(response, lease)
    return lease
  }
}

/** As `response.end(bytes)`, for bytes that `lease` counts; in pieces, so that it can be told whether they are taken. */
export function endWithBytes(response: ServerResponse, bytes: Buffer, lease: ByteLease): void {
  letEnd(response, lease)
  let at = 0
  const next = (error?: Error | null): void => {
    if (error || response.destroyed) return
    lease.touch()
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    at += PIECE_BYTES
    if (at < bytes.length) response.write(piece, next)
    else response.end(piece)
  }
  if (bytes.length <= WHOLE_BYTES) response.end(bytes)
  else next()
}

function letEnd(response: ServerResponse, lease: ByteLease): void {
  lease.makeRevocable(() => response.destroy())
}

function giveBackWith(response: ServerResponse, lease: ByteLease): void {
  const giveBack = (): void => lease[Symbol.dispose]()
  if (response.closed) giveBack()
  else response.once('close', giveBack)
}
