const DOLLAR = 0x24
const DOT = 0x2e

/** Names that JavaScript programs trip over. */
const dangerous = ['__proto__', 'constructor', 'prototype'].map((name) => Buffer.from(name))
const shortest = 9
const ID = Buffer.from('_id')

/** Why a name of a document may not be stored; `undefined` when it may. `top`: it stands at the top level. */
export function nameFault(bytes: Uint8Array, from: number, to: number, top: boolean): string | undefined {
  if (bytes[from] === DOLLAR && to > from) return "expected a name that does not begin with '$'"
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i]
    if (byte === DOT || byte === 0) return "expected a name without '.' and NUL"
  }
  // Nearly all names are shorter than the dangerous ones.
  if (to - from >= shortest)
    for (const name of dangerous)
      if (isName(bytes, from, to, name)) return 'expected a name that is not reserved'
  return top && isName(bytes, from, to, ID)
    ? "expected 'id' for the id of the document, got '_id'"
    : undefined
}

function isName(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i += 1) if (bytes[from + i] !== name[i]) return false
  return true
}

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
