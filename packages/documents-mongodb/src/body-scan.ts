import { type BsonWriter, bsonTypes } from '@freshet/bson'
import {
  BodyError,
  bodyLimits,
  pointerTo,
  readsBack,
  reservedNames,
  type BodyErrorCode,
} from '@freshet/documents'
import { NameList } from './json-writer.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const ZERO = 0x30
const NINE = 0x39
const DOLLAR = 0x24
const DOT = 0x2e

const reserved = reservedNames.map((name) => Buffer.from(name))
const shortest = 9
const ID = Buffer.from('_id')

/** Matches an unpaired surrogate: with the `u` flag, a pair is one character. */
const loneSurrogate = /\p{Surrogate}/u

/** Integers with up to this many digits are always exact. */
const safeDigits = 15

/** Digits of 2^53 plus a sign. */
const maxDigits = 17

/** Integers up to this are exact; larger doubles have no fraction. */
const safeLimit = 2 ** 53

/**
 * Converts well-formed JSON text to BSON in one pass, keeping the order of names, and rejects what may not be stored.
 */
export class BodyScan {
  readonly #source: Buffer
  readonly #out: BsonWriter
  readonly #seen = new NameList()
  /** Start and end offsets in `out` of the names on the path to the current value. */
  readonly #path: number[] = []
  /** Number of entries of `#path` in use. Overwriting is cheaper than shortening the array. */
  #pathLength = 0
  #at = 0

  constructor(source: Buffer, out: BsonWriter) {
    this.#source = source
    this.#out = out
  }

  /** Writes the root object or array as a BSON document. @throws {BodyError} */
  run(): void {
    if (this.#peek() === 0x7b) this.#object(1)
    else this.#array(1)
  }

  #object(level: number): void {
    this.#checkLevel(level)
    const mark = this.#out.open()
    const names = this.#seen.mark()
    this.#at += 1
    for (let count = 1; this.#peek() !== 0x7d; count += 1) {
      if (this.#source[this.#at] === COMMA) this.#skip()
      if (count > bodyLimits.maxKeys)
        this.#fail('malformed-body', `expected at most ${bodyLimits.maxKeys} keys in an object`)
      const typeAt = this.#out.length
      this.#out.byte(0)
      this.#name(level, names)
      this.#peek()
      this.#skip() // the colon
      this.#out.setByte(typeAt, this.#value(level))
      this.#pathLength -= 2
    }
    this.#at += 1
    this.#seen.reset(names)
    this.#out.close(mark)
  }

  #array(level: number): void {
    this.#checkLevel(level)
    const mark = this.#out.open()
    this.#at += 1
    for (let index = 0; this.#peek() !== 0x5d; index += 1) {
      if (this.#source[this.#at] === COMMA) this.#skip()
      const typeAt = this.#out.length
      this.#out.byte(0)
      this.#out.index(index)
      this.#enter(typeAt + 1, this.#out.length)
      this.#out.byte(0)
      this.#out.setByte(typeAt, this.#value(level))
      this.#pathLength -= 2
    }
    this.#at += 1
    this.#out.close(mark)
  }

  /** Writes a value and returns its BSON type. */
  #value(level: number): number {
    const byte = this.#peek()
    switch (byte) {
      case 0x7b:
        this.#object(level + 1)
        return bsonTypes.document
      case 0x5b:
        this.#array(level + 1)
        return bsonTypes.array
      case QUOTE: {
        const mark = this.#out.open()
        this.#text()
        this.#out.closeString(mark)
        return bsonTypes.string
      }
      case 0x74: // true
      case 0x66: // false
        this.#out.byte(byte === 0x74 ? 1 : 0)
        this.#at += byte === 0x74 ? 4 : 5
        return bsonTypes.boolean
      case 0x6e:
        this.#at += 4
        return bsonTypes.null
      default:
        return this.#number()
    }
  }

  #name(level: number, names: number): void {
    const from = this.#out.length
    this.#text()
    const to = this.#out.length
    this.#enter(from, to)
    const fault = nameFault(this.#out.bytes, from, to, level === 1)
    if (fault !== undefined) this.#fail('forbidden-name', fault)
    if (!this.#seen.add(names, this.#out.bytes, from, to))
      this.#fail('duplicate-key', 'expected each key once')
    this.#out.byte(0)
  }

  #enter(from: number, to: number): void {
    this.#path[this.#pathLength] = from
    this.#path[this.#pathLength + 1] = to
    this.#pathLength += 2
  }

  /** Writes a string without its quotes. */
  #text(): void {
    const source = this.#source
    const from = this.#at + 1
    let to = from
    while (source[to] !== QUOTE && source[to] !== BACKSLASH) to += 1
    if (source[to] === QUOTE) {
      this.#out.raw(source, from, to)
      this.#at = to + 1
      return
    }
    while (source[to] !== QUOTE) to += source[to] === BACKSLASH ? 2 : 1
    this.#at = to + 1
    const text: unknown = JSON.parse(source.toString('utf8', from - 1, to + 1))
    if (typeof text !== 'string' || loneSurrogate.test(text))
      return this.#fail('bad-text', 'expected Unicode text, got a lone surrogate')
    this.#out.utf8(text)
  }

  #number(): number {
    const source = this.#source
    const from = this.#at
    const negative = source[from] === 0x2d
    let to = negative ? from + 1 : from
    let value = 0
    for (; ; to += 1) {
      const byte = source[to] ?? 0
      if (byte < ZERO || byte > NINE) break
      value = value * 10 + (byte - ZERO)
    }
    const byte = source[to]
    const isInteger = byte !== 0x2e && byte !== 0x65 && byte !== 0x45
    this.#at = to
    if (isInteger && to - from <= safeDigits) return this.#putInteger(negative ? -value : value)
    if (isInteger) return this.#putInteger(this.#exactInteger(source.toString('latin1', from, to)))
    while (/[0-9.eE+-]/.test(String.fromCharCode(source[to] ?? 0))) to += 1
    this.#at = to
    return this.#putDecimal(source.toString('latin1', from, to))
  }

  #exactInteger(text: string): number {
    // BigInt takes superlinear time, and longer integers are out of range anyway.
    const value = text.length > maxDigits ? Number.NaN : BigInt(text)
    if (!(value <= safeLimit && value >= -safeLimit))
      this.#fail('inexact-number', 'expected an integer within ±2^53; send larger ones as strings')
    return Number(value)
  }

  #putInteger(value: number): number {
    if (value === (value | 0)) {
      this.#out.int32(value)
      return bsonTypes.int32
    }
    this.#out.int64(value)
    return bsonTypes.int64
  }

  /** 5.0 and 5e0 equal 5 for every JSON reader and are stored as an integer. */
  #putDecimal(text: string): number {
    const value = Number(text)
    // Underflow: a nonzero number would be stored as 0.
    if (!Number.isFinite(value) || (value === 0 && /^[^eE]*[1-9]/.test(text)))
      this.#fail('inexact-number', 'expected a number within the range of a double')
    if (Number.isSafeInteger(value)) return this.#putInteger(value)
    if (Math.abs(value) >= safeLimit && !readsBack(text, value))
      this.#fail(
        'inexact-number',
        'expected a number that a double represents exactly; send others as strings',
      )
    if (Math.abs(value) === safeLimit) return this.#putInteger(value)
    this.#out.double(value)
    return bsonTypes.double
  }

  #checkLevel(level: number): void {
    if (level > bodyLimits.maxLevels)
      this.#fail('malformed-body', `expected at most ${bodyLimits.maxLevels} levels`)
  }

  /** Skips white space and returns the next byte. */
  #peek(): number {
    const source = this.#source
    for (;;) {
      const byte = source[this.#at] ?? 0
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
      this.#at += 1
    }
  }

  /** Skips one byte and the white space after it. */
  #skip(): void {
    this.#at += 1
    this.#peek()
  }

  #fail(code: BodyErrorCode, detail: string): never {
    let pointer = ''
    for (let i = 0; i < this.#pathLength; i += 2) {
      const name = this.#out.bytes.toString('utf8', this.#path[i], this.#path[i + 1])
      pointer += pointerTo([name])
    }
    throw new BodyError(code, pointer, detail)
  }
}

/** Why a name may not be stored, or `undefined` if it may. `top`: it is at the top level. */
export function nameFault(bytes: Uint8Array, from: number, to: number, top: boolean): string | undefined {
  if (bytes[from] === DOLLAR && to > from) return "expected a name that does not begin with '$'"
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i]
    if (byte === DOT || byte === 0) return "expected a name without '.' or NUL"
  }
  // Nearly all names are shorter than these.
  if (to - from >= shortest)
    for (const name of reserved)
      if (isName(bytes, from, to, name)) return 'expected a name that is not reserved'
  return top && isName(bytes, from, to, ID) ? "expected the document's id as 'id', got '_id'" : undefined
}

function isName(bytes: Uint8Array, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i += 1) if (bytes[from + i] !== name[i]) return false
  return true
}
