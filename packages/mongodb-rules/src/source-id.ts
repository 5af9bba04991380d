import { createHash } from 'node:crypto'
import { parseSourceId, type SourceId } from '@freshet/protocol'

/** Derives the source id from a history's name, its timeline: the first eight hex digits of its SHA-256. */
export function sourceIdOf(timeline: string): SourceId {
  const id = parseSourceId(createHash('sha256').update(timeline).digest('hex').slice(0, 8))
  if (id === undefined) throw new TypeError('expected a hash of at least eight hexadecimal digits')
  return id
}
