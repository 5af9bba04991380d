const DOLLAR = 0x24
const LETTER_I = 0x69
const LETTER_D = 0x64

/**
 * Clients see `_id` as `id`. So that no two names of a document look the same, a stored `id` is `$id` to them, a stored
 * `$id` is `$$id`, and so on: this says whether a name is one of those. At the top level only.
 */
export function stepsAside(bytes: Uint8Array, from: number, to: number): boolean {
  const letters = to - 2
  if (letters < from || bytes[to - 1] !== LETTER_D || bytes[letters] !== LETTER_I) return false
  for (let i = from; i < letters; i += 1) if (bytes[i] !== DOLLAR) return false
  return true
}

/** What clients see of a name that is stored at the top. */
export function shownName(stored: string): string {
  return /^\$*id$/.test(stored) ? `$${stored}` : stored
}

/** How a name that clients see at the top is stored; not for `id`, which is `_id`. */
export function storedName(shown: string): string {
  return /^\$+id$/.test(shown) ? shown.slice(1) : shown
}
