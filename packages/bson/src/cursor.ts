import { bsonSize, nameEnd, uint32At } from './types.ts'

/**
 * Goes over the elements of one document or array, and makes nothing of them: the only walk over raw BSON. It never
 * throws and never leaves the bytes that there are: at the first element that makes no sense it ends, and {@link isComplete}
 * is false.
 */
export class BsonCursor {
  readonly #bytes: Uint8Array
  readonly #start: number
  readonly #end: number
  /** By `bsonTypes`. */
  type = 0
  nameAt = 0
  valueAt = 0
  /** Where the value ends and the next element begins. */
  end: number

  /** `start`: where the length of the document is. */
  constructor(bytes: Uint8Array, start = 0) {
    this.#bytes = bytes
    this.#start = start
    // A length that says more than there is counts as far as there is something.
    this.#end = Math.min(start + uint32At(bytes, start), bytes.length) - 1
    this.end = start + 4
  }

  /** Goes to the next element; false: there is none. */
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

  /** Where the NUL behind the name is. */
  get nameEnd(): number {
    return this.valueAt - 1
  }

  /** Behind the last element: whether that was the end of the document, and not bytes that are no BSON. */
  get isComplete(): boolean {
    const { end } = this
    const said = uint32At(this.#bytes, this.#start) === end + 1 - this.#start
    return said && end === this.#end && this.#bytes[end] === 0
  }

  /** @throws {RangeError} these bytes are no BSON. */
  expectComplete(): void {
    if (!this.isComplete) throw new RangeError(`expected BSON at byte ${this.end}, got something else`)
  }

  /** Whether this is the name of the element: bytes without a NUL. */
  isNamed(name: Uint8Array): boolean {
    const { nameAt } = this
    if (this.valueAt - 1 - nameAt !== name.length) return false
    const bytes = this.#bytes
    for (let i = 0; i < name.length; i += 1) if (bytes[nameAt + i] !== name[i]) return false
    return true
  }
}
