import { createHash } from 'node:crypto'
import { parseSourceId, type SourceId } from '@freshet/protocol'

/** Of the name of a history, its timeline: eight hexadecimal digits of its SHA-256. */
export function sourceIdOf(timeline: string): SourceId {
  const id = parseSourceId(createHash('sha256').update(timeline).digest('hex').slice(0, 8))
  if (id === undefined) throw new TypeError('a hash is eight hexadecimal digits and more')
  return id
}
