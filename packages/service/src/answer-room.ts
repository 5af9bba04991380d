import type { ByteLease, BytePart } from '@freshet/kit'
import type { ServerResponse } from 'node:http'

/** Up to here a body leaves by one write. */
const WHOLE_BYTES = 256 * 1024

/** Larger ones leave in pieces of so much: what was taken of one large piece could not be told. */
const PIECE_BYTES = 64 * 1024

/**
 * Room for an answer whose client may take it slowly; it comes back when the answer has left, or its client is gone.
 * `undefined`: there is none now.
 */
export function roomForAnswer(
  part: BytePart,
  response: ServerResponse,
  bytes: number,
): ByteLease | undefined {
  const lease = part.lease()
  if (!lease.tryHold(bytes)) return undefined
  giveBackWith(response, lease)
  return lease
}

/** As {@link roomForAnswer}, as soon as there is room; `undefined`: the signal aborted first. */
export async function waitForAnswerRoom(
  part: BytePart,
  response: ServerResponse,
  bytes: number,
  signal: AbortSignal,
): Promise<ByteLease | undefined> {
  const lease = part.lease()
  if (!(await lease.hold(bytes, signal))) return undefined
  giveBackWith(response, lease)
  return lease
}

/**
 * As `response.end(bytes)`, for bytes that `lease` counts. A client that takes less than a piece in two seconds is cut
 * off when others want the room.
 */
export function endWithBytes(response: ServerResponse, bytes: Buffer, lease: ByteLease): void {
  lease.letEnd(() => response.destroy())
  if (bytes.length <= WHOLE_BYTES) return void response.end(bytes)
  let at = 0
  const next = (error?: Error | null): void => {
    if (error || response.destroyed) return
    lease.moved()
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    at += PIECE_BYTES
    if (at < bytes.length) response.write(piece, next)
    else response.end(piece)
  }
  next()
}

function giveBackWith(response: ServerResponse, lease: ByteLease): void {
  const giveBack = (): void => lease[Symbol.dispose]()
  if (response.closed) giveBack()
  else response.once('close', giveBack)
}
