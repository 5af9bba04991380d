/** From so many names on a set of texts is faster than looking at all that came before. */
const manyNames = 24

const REPLACEMENT = '\uFFFD'

/**
 * The names seen so far in each open document, as places in its bytes: of two equal names the first counts. One list is
 * used for all levels; `mark` and `reset` bracket a level.
 */
export class NameList {
  readonly #places: number[] = []
  /** So many of `#places` count; to shorten an array costs more than to write over it. */
  #length = 0
  #sets: Map<number, Set<string>> | undefined
  /** As clients see them: names that are not UTF-8 may look the same though their bytes differ. */
  #replaced: Map<number, Set<string>> | undefined

  mark(): number {
    return this.#length
  }

  reset(mark: number): void {
    this.#length = mark
    this.#sets?.delete(mark)
    this.#replaced?.delete(mark)
  }

  /** Notes the name between `from` and `to`; false when one that looks the same was there since `mark`. */
  add(mark: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (!isAscii(bytes, from, to)) {
      const name = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8')
      if (name.includes(REPLACEMENT) && !this.#addReplaced(mark, name)) return false
    }
    const places = this.#places
    const length = this.#length
    if (length - mark >= manyNames * 2) return this.#addToSet(mark, bytes, from, to)
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

/** One character for each byte: equal bytes are equal texts, whatever they mean. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
