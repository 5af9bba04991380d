/** Two bytes for the length of the key, four for that of the document. */
const HEADER_BYTES = 6

/** One place in the table for so many bytes of documents. */
const BYTES_PER_SLOT = 256
const SLOT_BYTES = 8

/** No document may push out more than this part of the others. */
const MAX_DOCUMENT_SHARE = 1 / 8

/**
 * The newest documents that the feed told and nobody had asked for, as raw bytes: what was just written is often read
 * next, and then the database need not be asked. A ring of bytes, with a table in which each key has one place: nothing
 * is allocated for a document, and one that is pushed out of either is only read again from the database.
 */
export class RecentDocuments {
  readonly #maxBytes: number
  /** Made with the first document. */
  #ring: Ring | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = Math.floor(maxBytes)
  }

  get bytes(): number {
    return this.#ring === undefined ? 0 : this.#maxBytes
  }

  put(key: string, document: Uint8Array): void {
    if (this.#maxBytes === 0) return
    this.#ring ??= new Ring(this.#maxBytes)
    this.#ring.put(key, document)
  }

  /** A view that is valid until the next {@link RecentDocuments.put}. */
  get(key: string): Uint8Array | undefined {
    return this.#ring?.get(key)
  }

  /** May forget another key too. */
  delete(key: string): void {
    this.#ring?.delete(key)
  }

  clear(): void {
    this.#ring?.clear()
  }
}

class Ring {
  readonly #bytes: Buffer
  /** For each place where its newest entry begins, counted from the first byte ever written; 0: none. */
  readonly #starts: Float64Array
  readonly #mask: number
  /** Bytes ever written; begins at 1, so that 0 can say "none". */
  #written = 1

  constructor(maxBytes: number) {
    const places = 2 ** Math.max(2, Math.round(Math.log2(maxBytes / BYTES_PER_SLOT)))
    this.#starts = new Float64Array(places)
    this.#mask = places - 1
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(0, maxBytes - places * SLOT_BYTES))
  }

  put(key: string, document: Uint8Array): void {
    const bytes = this.#bytes
    const place = this.#slotOf(key)
    const size = HEADER_BYTES + key.length + document.length
    this.#starts[place] = 0
    if (size > bytes.length * MAX_DOCUMENT_SHARE || key.length > 0xffff) return
    let at = this.#written % bytes.length
    if (at + size > bytes.length) {
      // An entry lies in one piece: the rest of the ring is left out.
      this.#written += bytes.length - at
      at = 0
    }
    this.#starts[place] = this.#written
    this.#written += size
    bytes.writeUInt16LE(key.length, at)
    bytes.writeUInt32LE(document.length, at + 2)
    at += HEADER_BYTES
    let bits = 0
    for (let i = 0; i < key.length; i += 1) {
      const code = key.charCodeAt(i)
      bits |= code
      bytes[at + i] = code
    }
    // Of a larger character only a part was written: another key would look like this one.
    if (bits > 0xff) this.#starts[place] = 0
    bytes.set(document, at + key.length)
  }

  get(key: string): Uint8Array | undefined {
    const bytes = this.#bytes
    const begin = this.#starts[this.#slotOf(key)] ?? 0
    // Once a whole ring was written after it, other bytes stand there.
    if (begin === 0 || this.#written - begin > bytes.length) return undefined
    const at = begin % bytes.length
    const keyAt = at + HEADER_BYTES
    if (bytes.readUInt16LE(at) !== key.length) return undefined
    for (let i = 0; i < key.length; i += 1) if (bytes[keyAt + i] !== key.charCodeAt(i)) return undefined
    const from = keyAt + key.length
    return bytes.subarray(from, from + bytes.readUInt32LE(at + 2))
  }

  delete(key: string): void {
    this.#starts[this.#slotOf(key)] = 0
  }

  clear(): void {
    this.#starts.fill(0)
  }

  /** FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
  #slotOf(key: string): number {
    let hash = 0x811c9dc5
    for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
    return (hash ^ (hash >>> 15)) & this.#mask
  }
}
