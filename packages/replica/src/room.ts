import type { ByteLease } from '@freshet/kit'
import { ReplicaError } from './errors.ts'
import type { Deadline } from './deadline.ts'
import { SMALL_BYTES } from './read-sizes.ts'

/** What an answer asks for before anything of it was read: most documents are small. */
export function firstRoom(documents: number, maxAnswerBytes: number): number {
  return Math.min(documents * SMALL_BYTES, maxAnswerBytes)
}

/** Waits for room as long as the caller does. @throws {ReplicaError} TOO_MANY_WAITERS; as `Deadline.race` */
export async function takeRoom(room: ByteLease, bytes: number, deadline: Deadline): Promise<void> {
  if (room.tryHold(bytes)) return
  const giveUp = new AbortController()
  const late = (): ReplicaError =>
    new ReplicaError('TOO_MANY_WAITERS', `${room.part.waiting} reads wait for room already`)
  try {
    await deadline.race(room.hold(bytes, giveUp.signal), late)
  } finally {
    giveUp.abort()
  }
}
