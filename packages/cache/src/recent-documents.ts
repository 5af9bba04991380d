/** Two bytes for the key's length, four for the document's. */
const HEADER_BYTES = 6

/** One table slot per this many bytes of the ring. */
const BYTES_PER_SLOT = 256
const SLOT_BYTES = 8

/** The largest share of the ring that one document may take. */
const MAX_DOCUMENT_SHARE = 1 / 8

/**
 * Raw bytes of recently changed documents that are not cached: what was just written is often read next, and this saves
 * the database read. A byte ring with a hash table of one slot per key, so nothing is allocated per document. A document
 * overwritten in the ring or displaced from its slot is simply read from the database.
 */
export class RecentDocuments {
  readonly #maxBytes: number
  /** Allocated with the first document. */
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

  /** The view is valid until the next {@link RecentDocuments.put}. */
  get(key: string): Uint8Array | undefined {
    return this.#ring?.get(key)
  }

  /** May also forget another key of the same slot. */
  delete(key: string): void {
    this.#ring?.delete(key)
  }

  clear(): void {
    this.#ring?.clear()
  }
}

class Ring {
  readonly #bytes: Buffer
  /** For each slot, the offset of its latest entry, counted from the first byte ever written; 0 means empty. */
  readonly #starts: Float64Array
  readonly #mask: number
  /** Bytes ever written. Starts at 1 because 0 means empty. */
  #written = 1

  constructor(maxBytes: number) {
    const slots = 2 ** Math.max(2, Math.round(Math.log2(maxBytes / BYTES_PER_SLOT)))
    this.#starts = new Float64Array(slots)
    this.#mask = slots - 1
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(0, maxBytes - slots * SLOT_BYTES))
  }

  put(key: string, document: Uint8Array): void {
    const bytes = this.#bytes
    const slot = this.#slotOf(key)
    const size = HEADER_BYTES + key.length + document.length
    this.#starts[slot] = 0
    if (size > bytes.length * MAX_DOCUMENT_SHARE || key.length > 0xffff) return
    let at = this.#written % bytes.length
    if (at + size > bytes.length) {
      // Entries are contiguous: skip the rest of the ring.
      this.#written += bytes.length - at
      at = 0
    }
    this.#starts[slot] = this.#written
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
    // Only the low byte of a larger character was written, so another key could match this one.
    if (bits > 0xff) this.#starts[slot] = 0
    bytes.set(document, at + key.length)
  }

  get(key: string): Uint8Array | undefined {
    const bytes = this.#bytes
    const begin = this.#starts[this.#slotOf(key)] ?? 0
    // Overwritten once a full ring has been written since.
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
