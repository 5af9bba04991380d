/** Writes a BSON document into one growing, reusable buffer. https://bsonspec.org/spec.html */
export class BsonWriter {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The buffer; its first `length` bytes are valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes
  }

  clear(): void {
    this.#length = 0
  }

  /** A copy. Small copies come from a shared pool, which is faster but pins the pool: do not keep them for long. */
  copy(): Buffer {
    const copy = Buffer.allocUnsafe(this.#length)
    this.#bytes.copy(copy, 0, 0, this.#length)
    return copy
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#put32(value, this.#length)
    this.#length += 4
  }

  /** An integer within ±2^53. */
  int64(value: number): void {
    this.#reserve(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#put32(value - high * 0x1_0000_0000, this.#length)
    this.#put32(high, this.#length + 4)
    this.#length += 8
  }

  double(value: number): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** Raw bytes. */
  raw(source: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from)
    // For the few bytes of names and most strings a loop is faster than a call into C++.
    if (to - from <= 48) {
      const bytes = this.#bytes
      for (let i = from, at = this.#length; i < to; i += 1, at += 1) bytes[at] = source[i] ?? 0
    } else this.#bytes.set(source.subarray(from, to), this.#length)
    this.#length += to - from
  }

  /** The name of an array element, without its NUL. */
  index(index: number): void {
    if (index < 10) this.byte(0x30 + index)
    else this.utf8(String(index))
  }

  /** A JavaScript string as UTF-8. */
  utf8(text: string): void {
    this.#reserve(text.length * 3)
    this.#length += this.#bytes.write(text, this.#length, 'utf8')
  }

  /** Opens a document, array or string: reserves its length, which {@link close} fills in. Returns the mark to close. */
  open(): number {
    this.#reserve(4)
    this.#length += 4
    return this.#length - 4
  }

  /** Ends a document or an array. Its length includes the length field. */
  close(mark: number): void {
    this.byte(0)
    this.#put32(this.#length - mark, mark)
  }

  /** Ends a string. Its length excludes the length field. */
  closeString(mark: number): void {
    this.byte(0)
    this.#put32(this.#length - mark - 4, mark)
  }

  /** Overwrites a byte that was reserved earlier. */
  setByte(at: number, byte: number): void {
    this.#bytes[at] = byte
  }

  /** By hand, to avoid the range checks of Buffer's methods. */
  #put32(value: number, at: number): void {
    const bytes = this.#bytes
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + size))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}
