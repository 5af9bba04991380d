const DOLLAR = 0x24
const DOT = 0x2e

/** Names that are dangerous to JavaScript programs (prototype pollution). */
const dangerous = ['__proto__', 'constructor', 'prototype'].map((name) => Buffer.from(name))
const shortest = 9
const ID = Buffer.from('_id')

/** Why a name may not be stored, or `undefined` if it may. `top`: it is at the top level. */
export function nameFault(bytes: Uint8Array, from: number, to: number, top: boolean): string | undefined {
  if (bytes[from] === DOLLAR && to > from) return "expected a name that does not begin with '$'"
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i]
    if (byte === DOT || byte === 0) return "expected a name without '.' or NUL"
  }
  // Nearly all names are shorter than these.
  if (to - from >= shortest)
    for (const name of dangerous)
      if (isName(bytes, from, to, name)) return 'expected a name that is not reserved'
  return top && isName(bytes, from, to, ID) ? "expected the document's id as 'id', got '_id'" : undefined
}

function isName(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i += 1) if (bytes[from + i] !== name[i]) return false
  return true
}

const LETTER_I = 0x69
const LETTER_D = 0x64

/**
 * Whether a top-level name is shown with an additional `$`. Clients see `_id` as `id`, so a stored `id` becomes `$id`,
 * a stored `$id` becomes `$$id`, and so on; no two names collide.
 */
export function isEscapedName(bytes: Uint8Array, from: number, to: number): boolean {
  const letters = to - 2
  if (letters < from || bytes[to - 1] !== LETTER_D || bytes[letters] !== LETTER_I) return false
  for (let i = from; i < letters; i += 1) if (bytes[i] !== DOLLAR) return false
  return true
}

/** How clients see a stored top-level name. */
export function shownName(stored: string): string {
  return /^\$*id$/.test(stored) ? `$${stored}` : stored
}

/** How a top-level name that clients see is stored. Not for `id`, which is `_id`. */
export function storedName(shown: string): string {
  return /^\$+id$/.test(shown) ? shown.slice(1) : shown
}
