import { bsonSize, nameEnd, uint32At } from './types.ts'

/**
 * Iterates over the elements of one document or array without decoding them; all code that walks raw BSON uses it. Never
 * throws and never reads out of bounds: it ends at the first invalid element, and {@link isComplete} is then false.
 */
export class BsonCursor {
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number
  /** One of `bsonTypes`. */
  type = 0
  nameAt = 0
  valueAt = 0
  /** The end of the value, where the next element begins. */
  end: number

  /** @param start the offset of the document's length. */
  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes
    this.#start = start
    // A length beyond the available bytes is clamped to them.
    this.#end = Math.min(start + uint32At(bytes, start), bytes.length) - 1
    this.end = start + 4
  }

  /** Advances to the next element; `false` if there is none. */
  next(): boolean {
    const bytes = this.#bytes
    const at = this.end
    if (at >= this.#end) return false
    const type = bytes[at] ?? 0
    const stop = nameEnd(bytes, at + 1)
    const size = bsonSize(type, bytes, stop + 1)
    const end = stop + 1 + size
    if (size < 0 || end > this.#end) return false
    this.type = type
    this.nameAt = at + 1
    this.valueAt = stop + 1
    this.end = end
    return true
  }

  /** The offset of the NUL after the name. */
  get nameEnd(): number {
    return this.valueAt - 1
  }

  /** After the last element: whether the document ended properly, as opposed to an invalid element. */
  get isComplete(): boolean {
    const { end } = this
    const lengthMatches = uint32At(this.#bytes, this.#start) === end + 1 - this.#start
    return lengthMatches && end === this.#end && this.#bytes[end] === 0
  }

  /** @throws {RangeError} the bytes are not valid BSON. */
  expectComplete(): void {
    if (!this.isComplete) throw new RangeError(`expected BSON at byte ${this.end}, got something else`)
  }

  /** Whether the element has this name, passed as bytes without a NUL. */
  isNamed(name: Uint8Array): boolean {
    const { nameAt } = this
    if (this.valueAt - 1 - nameAt !== name.length) return false
    const bytes = this.#bytes
    for (let i = 0; i < name.length; i += 1) if (bytes[nameAt + i] !== name[i]) return false
    return true
  }
}
