import { headers as names, parseSourcePosition, ProblemError, readPrefer } from '@freshet/protocol'
import type { SourcePosition } from '@freshet/protocol'
import type { IncomingHttpHeaders } from 'node:http'

/** The wait for a position when the client names none, in seconds. */
const DEFAULT_WAIT_S = 1

/** From which state on a client wants its answer, and how long it waits for it. */
export interface Wanted {
  readonly atLeast: SourcePosition | 'now'
  readonly waitMs: number
}

/** `undefined` when any state will do. @throws {ProblemError} bad-position */
export function readWanted(headers: IncomingHttpHeaders): Wanted | undefined {
  const text = headers[names.atLeast]
  if (text === undefined) return undefined
  const atLeast = text === 'now' ? text : typeof text === 'string' ? parseSourcePosition(text) : undefined
  if (atLeast === undefined)
    throw new ProblemError('bad-position', { detail: 'Expected <8 hex digits>.<16 hex digits> or "now".' })
  const { waitS = DEFAULT_WAIT_S } = readPrefer(firstOf(headers[names.prefer]))
  return { atLeast, waitMs: waitS * 1_000 }
}

/** node:http joins a header that comes twice with a comma; that it never is a list, its type knows for a few names only. */
function firstOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
