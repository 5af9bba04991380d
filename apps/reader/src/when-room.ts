import type { ByteLease } from '@freshet/kit'
import { ProblemError } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'
import type { PatientReads } from './patient-reads.ts'

/** An answer that grew while it waited for room waits again so often. */
const MAX_ATTEMPTS = 3

/**
 * Reads and sends. Where there is no room for the answer it is let go, and read again when there is: those who wait for
 * room hold none. `send` gives the bytes that it lacks room for. @throws {ProblemError} overloaded
 */
export async function whenRoom(
  reads: Pick<PatientReads<unknown>, 'room'>,
  response: ServerResponse,
  send: (lease: ByteLease | undefined) => Promise<number>,
): Promise<void> {
  let missing = await send(undefined)
  for (let attempt = 1; missing > 0; attempt += 1) {
    if (attempt > MAX_ATTEMPTS)
      throw new ProblemError('overloaded', { detail: 'The answer grew while it waited for room.' })
    const lease = await reads.room(missing, response)
    missing = await send(lease)
    if (missing > 0) lease[Symbol.dispose]()
  }
}
