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
