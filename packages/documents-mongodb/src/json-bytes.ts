const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const DOLLAR = 0x24
const BACKSLASH = 0x5c
const ZERO = 0x30
/** `u`, which four hexadecimal digits follow. */
const LONG_FORM = 0x75

/** What stands after a backslash for a byte; 0: the byte needs none. What is no ASCII counts as none of it here. */
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

/** A buffer that had to grow beyond this is not kept. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Texts are written in pieces of so many bytes, since each may become six. */
const PIECE_BYTES = 8 * 1024

/**
 * A text of JSON in the making, as UTF-8 in one buffer that grows and is used again. Of a large one the length is measured
 * first: it is written a second time, into memory of that length, and nothing else of its size is allocated.
 */
export class JsonBytes {
  #bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  #length = 0
  /** Bytes that were only counted. */
  #counted = 0
  #mode: 'growing' | 'measuring' | 'exact' = 'growing'

  get length(): number {
    return this.#counted + this.#length
  }

  /** Begins anew. */
  clear(): void {
    if (this.#mode === 'exact' || this.#bytes.length > KEPT_BYTES)
      this.#bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    this.#mode = 'growing'
    this.#length = 0
    this.#counted = 0
  }

  /** What `write` writes of `source`, in memory of its own; `large`: it may be some megabytes. Writes it twice then. */
  made(large: boolean, write: (source: Uint8Array) => void, source: Uint8Array): Buffer {
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

  /** One ASCII character. */
  byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  /** ASCII that needs no escapes; at most some ten thousand characters. */
  ascii(text: string): void {
    if (this.#length + text.length > this.#bytes.length) this.#grow(text.length)
    for (let i = 0; i < text.length; i += 1) this.#bytes[this.#length + i] = text.charCodeAt(i)
    this.#length += text.length
  }

  /** Bytes of UTF-8 as a text in quotes; what is no UTF-8 as U+FFFD, as the Encoding Standard decodes it. */
  text(source: Uint8Array, from: number, to: number): void {
    this.byte(QUOTE)
    this.#utf8(source, from, to)
    this.byte(QUOTE)
  }

  /** The name of a member up to its value; `comma`: another one came before it, `aside`: `$` leads it. */
  name(source: Uint8Array, from: number, to: number, comma: boolean, aside: boolean): void {
    if (this.#length + 3 > this.#bytes.length) this.#grow(3)
    const bytes = this.#bytes
    let at = this.#length
    if (comma) bytes[at++] = COMMA
    bytes[at++] = QUOTE
    if (aside) bytes[at++] = DOLLAR
    this.#length = at
    this.#utf8(source, from, to)
    this.byte(QUOTE)
    this.byte(COLON)
  }

  #utf8(source: Uint8Array, from: number, to: number): void {
    const i = this.#plain(source, from, to)
    for (let at = i; at < to;) at = this.#piece(source, at, Math.min(to, at + PIECE_BYTES), to)
  }

  /** Writes what is ASCII and needs no escape, which nearly all is. Gives where something else begins. */
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

  /** Writes from `from` up to `stop`, or behind it where a character ends later. Gives where it has come to. */
  #piece(source: Uint8Array, from: number, stop: number, to: number): number {
    // The worst is six bytes for one; the last character may go on behind the piece.
    const room = (stop - from + 3) * 6
    if (this.#length + room > this.#bytes.length) this.#grow(room)
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
      if (size < 0) at = putUnknown(bytes, at)
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
    // It was measured: what is asked for in advance is more than what is written.
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

/** U+FFFD. */
function putUnknown(bytes: Buffer, at: number): number {
  bytes[at] = 0xef
  bytes[at + 1] = 0xbf
  bytes[at + 2] = 0xbd
  return at + 3
}

/**
 * How many bytes the character that begins at `at` has; when it is none, minus the number of bytes that count as one
 * mistake. https://encoding.spec.whatwg.org/#utf-8-decoder
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
