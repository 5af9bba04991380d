import { headers as names, type Preferences } from '@freshet/protocol'
import type { ServerResponse } from 'node:http'

/** What is said of a write that was done. */
export interface Answer {
  readonly status: 200 | 201 | 204
  /** `Freshet-Position` */
  readonly position: string
  /** The version that is stored now, where there is one. */
  readonly version: Version | undefined
  /** Path of a document that was made. */
  readonly location: string | undefined
}

/** A version as readers answer it. */
export interface Version {
  /** With its quotes. */
  readonly etag: string
  readonly json: Buffer
}

/** Writes the answer: names and values in turn, which `writeHead` takes without looking at them one by one. */
export function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  { minimal, lenient }: Preferences,
): void {
  const { status, position, version, location } = answer
  const list = ['Freshet-Position', position, 'Cache-Control', 'no-cache']
  if (location !== undefined) list.push('Location', location)
  if (version) list.push('ETag', version.etag)
  const applied = appliedOf(minimal && status !== 204, lenient)
  if (applied !== '') list.push(names.preferenceApplied, applied)
  if (!version) {
    response.writeHead(status, list)
    response.end()
  } else if (minimal) {
    list.push('Content-Length', '0')
    response.writeHead(status, list)
    response.end()
  } else {
    list.push('Content-Type', 'application/json', 'Content-Length', String(version.json.length))
    response.writeHead(status, list)
    response.end(version.json)
  }
}

/** RFC 7240, 3. */
function appliedOf(minimal: boolean, lenient: boolean): string {
  if (minimal) return lenient ? 'return=minimal, handling=lenient' : 'return=minimal'
  return lenient ? 'handling=lenient' : ''
}
