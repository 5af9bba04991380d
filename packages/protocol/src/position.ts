/**
 * Eight lowercase hex digits that identify one history of one database. Positions of different sources are not
 * comparable.
 */
export type SourceId = string & { readonly __brand: 'SourceId' }

/**
 * A point in a source's order of changes: 16 lowercase hex digits. Sorts as text, so `a < b` means "earlier". Only the
 * source interprets the digits.
 */
export type Position = string & { readonly __brand: 'Position' }

/** A position with its history, as clients send it: `<source>.<position>`. */
export interface SourcePosition {
  readonly source: SourceId
  readonly at: Position
}

const positionPattern = /^[0-9a-f]{16}$/
const sourcePattern = /^[0-9a-f]{8}$/
const wirePattern = /^([0-9a-f]{8})\.([0-9a-f]{16})$/

/** The earliest position. */
export const POSITION_ZERO = '0000000000000000' as Position

/** Later than any real position. */
export const POSITION_NEVER = 'ffffffffffffffff' as Position

/** Parses a position; `undefined` if invalid. */
export function parsePosition(text: string): Position | undefined {
  return positionPattern.test(text) ? (text as Position) : undefined
}

/** Parses a source id; `undefined` if invalid. */
export function parseSourceId(text: string): SourceId | undefined {
  return sourcePattern.test(text) ? (text as SourceId) : undefined
}

/** A position from its two unsigned 32-bit halves. */
export function positionOf(high: number, low: number): Position {
  return (hex8(high) + hex8(low)) as Position
}

/** The high half. */
export function highOf(position: Position): number {
  return Number.parseInt(position.slice(0, 8), 16)
}

/** The low half. */
export function lowOf(position: Position): number {
  return Number.parseInt(position.slice(8), 16)
}

/** The position one tick earlier. {@link POSITION_ZERO} stays. */
export function before(position: Position): Position {
  const low = lowOf(position)
  if (low > 0) return positionOf(highOf(position), low - 1)
  const high = highOf(position)
  return high > 0 ? positionOf(high - 1, 0xffffffff) : position
}

/** The position one tick later. {@link POSITION_NEVER} stays. */
export function after(position: Position): Position {
  if (position === POSITION_NEVER) return position
  const low = lowOf(position)
  return low < 0xffffffff ? positionOf(highOf(position), low + 1) : positionOf(highOf(position) + 1, 0)
}

/** Formats the `Freshet-Position` header. */
export function formatSourcePosition(source: SourceId, at: Position): string {
  return `${source}.${at}`
}

/** Parses a `Freshet-Position` or `Freshet-At-Least` header; `undefined` if malformed. */
export function parseSourcePosition(text: string): SourcePosition | undefined {
  const match = wirePattern.exec(text)
  return match ? { source: match[1] as SourceId, at: match[2] as Position } : undefined
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0')
}
