const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const DOLLAR = 0x24
const BACKSLASH = 0x5c
const ZERO = 0x30
/** `u`, followed by four hexadecimal digits. */
const LONG_FORM = 0x75

/** What follows the backslash for each byte; 0 if the byte needs no escape. Non-ASCII bytes count as escaped here. */
const escapes = new Uint8Array(256).fill(LONG_FORM, 0x80)
for (let byte = 0; byte < 0x20; byte += 1) escapes[byte] = LONG_FORM
for (const [byte, letter] of [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
] as const)
  escapes[byte] = letter.charCodeAt(0)

const hexDigits = Buffer.from('0123456789abcdef')

const BUFFER_BYTES = 64 * 1024

/** A buffer that grew beyond this is released. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Strings are written in chunks of this size, since each byte may become six. */
const PIECE_BYTES = 8 * 1024

/**
 * Builds JSON as UTF-8 in one reusable, growing buffer. Large texts are measured first and written a second time into a
 * buffer of exactly that size, so nothing else of that size is allocated.
 */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #length = 0
  /** Bytes counted while measuring. */
  #counted = 0
  #mode: 'growing' | 'measuring' | 'exact' = 'growing'

  get length(): number {
    return this.#counted + this.#length
  }

  clear(): void {
    if (this.#mode === 'exact' || this.#bytes.length > KEPT_BYTES)
      this.#bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.#mode = 'growing'
    this.#length = 0
    this.#counted = 0
  }

  /** Returns what `write` writes for `source`, in a buffer of its own. With `large`, `write` runs twice. */
  build(large: boolean, write: (source: Uint8Array) => void, source: Uint8Array): Buffer {
    this.clear()
    if (large) this.#mode = 'measuring'
    write(source)
    if (!large) return this.#copy()
    const bytes = Buffer.allocUnsafeSlow(this.length)
    this.#mode = 'exact'
    this.#bytes = bytes
    this.#length = 0
    this.#counted = 0
    write(source)
    this.clear()
    return bytes
  }

  /** Appends one ASCII character. */
  byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  /** Appends ASCII that needs no escapes, at most some ten thousand characters. */
  ascii(text: string): void {
    if (this.#length + text.length > this.#bytes.length) this.#grow(text.length)
    for (let i = 0; i < text.length; i += 1) this.#bytes[this.#length + i] = text.charCodeAt(i)
    this.#length += text.length
  }

  /** Appends UTF-8 bytes as a quoted string. Invalid UTF-8 becomes U+FFFD, as the Encoding Standard decodes it. */
  text(source: Uint8Array, from: number, to: number): void {
    this.byte(QUOTE)
    this.#utf8(source, from, to)
    this.byte(QUOTE)
  }

  /** Appends a member's name and colon. `comma`: after another member. `escaped`: with a leading `$`. */
  name(source: Uint8Array, from: number, to: number, comma: boolean, escaped: boolean): void {
    if (this.#length + 3 > this.#bytes.length) this.#grow(3)
    const bytes = this.#bytes
    let at = this.#length
    if (comma) bytes[at++] = COMMA
    bytes[at++] = QUOTE
    if (escaped) bytes[at++] = DOLLAR
    this.#length = at
    this.#utf8(source, from, to)
    this.byte(QUOTE)
    this.byte(COLON)
  }

  #utf8(source: Uint8Array, from: number, to: number): void {
    const i = this.#plain(source, from, to)
    for (let at = i; at < to;) at = this.#piece(source, at, Math.min(to, at + PIECE_BYTES), to)
  }

  /** Copies ASCII that needs no escapes, the common case. Returns where it stopped. */
  #plain(source: Uint8Array, from: number, to: number): number {
    if (to - from > PIECE_BYTES) return from
    if (this.#length + to - from > this.#bytes.length) this.#grow(to - from)
    const bytes = this.#bytes
    let at = this.#length
    let i = from
    for (; i < to; i += 1) {
      const byte = source[i] ?? 0
      if (escapes[byte] !== 0) break
      bytes[at++] = byte
    }
    this.#length = at
    return i
  }

  /** Writes from `from` to `stop`, or further to the end of a character. Returns where it stopped. */
  #piece(source: Uint8Array, from: number, stop: number, to: number): number {
    // At worst six bytes for each; the last character may extend beyond the chunk.
    const capacity = (stop - from + 3) * 6
    if (this.#length + capacity > this.#bytes.length) this.#grow(capacity)
    const bytes = this.#bytes
    let at = this.#length
    let i = from
    while (i < stop) {
      const byte = source[i] ?? 0
      if (byte < 0x80) {
        i += 1
        if (escapes[byte] === 0) bytes[at++] = byte
        else at = putEscaped(bytes, at, byte)
        continue
      }
      const size = sequenceAt(source, i, to)
      if (size < 0) at = putReplacement(bytes, at)
      else for (let k = 0; k < size; k += 1) bytes[at++] = source[i + k] ?? 0
      i += Math.abs(size)
    }
    this.#length = at
    return i
  }

  #copy(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.#length)
    this.#bytes.copy(copy, 0, 0, this.#length)
    return copy
  }

  #grow(needed: number): void {
    // Already measured; estimates may exceed the final size.
    if (this.#mode === 'exact') return
    if (this.#mode === 'measuring') {
      this.#counted += this.#length
      this.#length = 0
      if (needed <= this.#bytes.length) return
    }
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + needed))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

function putEscaped(bytes: Buffer, from: number, byte: number): number {
  const letter = escapes[byte] ?? 0
  let at = from
  bytes[at++] = BACKSLASH
  bytes[at++] = letter
  if (letter !== LONG_FORM) return at
  bytes[at++] = ZERO
  bytes[at++] = ZERO
  bytes[at++] = hexDigits[byte >> 4] ?? ZERO
  bytes[at++] = hexDigits[byte & 0xf] ?? ZERO
  return at
}

function putReplacement(bytes: Buffer, at: number): number {
  bytes[at] = 0xef
  bytes[at + 1] = 0xbf
  bytes[at + 2] = 0xbd
  return at + 3
}

/**
 * Length of the character at `at`. If invalid, minus the number of bytes that count as one error.
 * https://encoding.spec.whatwg.org/#utf-8-decoder
 */
function sequenceAt(source: Uint8Array, at: number, to: number): number {
  const lead = source[at] ?? 0
  const needed = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0
  if (needed === 0) return -1
  let lower = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  let upper = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  for (let k = 1; k <= needed; k += 1) {
    const byte = at + k < to ? (source[at + k] ?? 0) : 0
    if (byte < lower || byte > upper) return -k
    lower = 0x80
    upper = 0xbf
  }
  return needed + 1
}

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
