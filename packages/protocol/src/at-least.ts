import { parseSourcePosition } from './position.ts'
import type { Position, SourceId } from './position.ts'

/** What `Freshet-At-Least` asks for; `bad` is answered with `bad-position` and the detail. */
export type AtLeast =
  | { readonly kind: 'now' }
  | { readonly kind: 'at'; readonly at: Position }
  | { readonly kind: 'bad'; readonly detail: string }

/** Reads the header for a service that reads from `source`. Positions of another source are refused. */
export function readAtLeast(header: string, source: SourceId): AtLeast {
  if (header === 'now') return { kind: 'now' }
  const parsed = parseSourcePosition(header)
  if (!parsed) return { kind: 'bad', detail: 'Expected <8 hex digits>.<16 hex digits> or "now".' }
  if (parsed.source !== source)
    return {
      kind: 'bad',
      detail: `The position is of source ${parsed.source}; this service reads ${source}.`,
    }
  return { kind: 'at', at: parsed.at }
}
