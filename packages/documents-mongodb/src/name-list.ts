/** From this many names on, a set of strings is faster than a linear scan. */
const setThreshold = 24

const REPLACEMENT = '\uFFFD'

/**
 * Names seen so far in each open document, as offsets in its bytes, to detect duplicates. One list serves all levels;
 * `mark` and `reset` bracket a level.
 */
export class NameList {
  readonly #places: number[] = []
  /** Number of entries of `#places` in use. Overwriting is cheaper than shortening the array. */
  #length = 0
  #sets: Map<number, Set<string>> | undefined
  /** Names that are not UTF-8, as clients see them: different bytes may look the same. */
  #replaced: Map<number, Set<string>> | undefined

  mark(): number {
    return this.#length
  }

  reset(mark: number): void {
    this.#length = mark
    this.#sets?.delete(mark)
    this.#replaced?.delete(mark)
  }

  /** Adds the name between `from` and `to`; false if an equal-looking one was added since `mark`. */
  add(mark: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (!isAscii(bytes, from, to)) {
      const name = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8')
      if (name.includes(REPLACEMENT) && !this.#addReplaced(mark, name)) return false
    }
    const places = this.#places
    const length = this.#length
    if (length - mark >= setThreshold * 2) return this.#addToSet(mark, bytes, from, to)
    for (let i = mark; i < length; i += 2) {
      const start = places[i] ?? 0
      if ((places[i + 1] ?? 0) - start === to - from && same(bytes, start, from, to - from)) return false
    }
    places[length] = from
    places[length + 1] = to
    this.#length = length + 2
    return true
  }

  #addReplaced(mark: number, name: string): boolean {
    this.#replaced ??= new Map()
    const set = this.#replaced.get(mark) ?? new Set()
    this.#replaced.set(mark, set)
    if (set.has(name)) return false
    set.add(name)
    return true
  }

  #addToSet(mark: number, bytes: Uint8Array, from: number, to: number): boolean {
    this.#sets ??= new Map()
    let set = this.#sets.get(mark)
    if (set === undefined) {
      set = new Set()
      for (let i = mark; i < this.#length; i += 2)
        set.add(textOf(bytes, this.#places[i] ?? 0, this.#places[i + 1] ?? 0))
      this.#sets.set(mark, set)
    }
    const name = textOf(bytes, from, to)
    if (set.has(name)) return false
    set.add(name)
    return true
  }
}

function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) if ((bytes[i] ?? 0) >= 0x80) return false
  return true
}

function same(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (bytes[a + i] !== bytes[b + i]) return false
  return true
}

/** Latin-1: one character per byte, so equal bytes give equal strings. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
