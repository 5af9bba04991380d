import { ENTRY_OVERHEAD_BYTES, TEXT_OVERHEAD_BYTES } from './sizes.ts'

/**
 * The newest documents that the feed told and nobody had asked for, as raw bytes: what was just written is often read
 * next, and then the database need not be asked. First in, first out, within a budget of bytes.
 */
export class Recent {
  readonly #maxBytes: number
  /** One character for each byte: costs a third of what a Buffer does. */
  readonly #documents = new Map<string, string>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  put(key: string, document: Uint8Array): void {
    this.delete(key)
    const size = ENTRY_OVERHEAD_BYTES + TEXT_OVERHEAD_BYTES + key.length + document.length
    if (size > this.#maxBytes) return
    for (const [oldest] of this.#documents) {
      if (this.#bytes + size <= this.#maxBytes) break
      this.delete(oldest)
    }
    const text = Buffer.from(document.buffer, document.byteOffset, document.length).toString('latin1')
    this.#documents.set(key, text)
    this.#bytes += size
  }

  /** Gives a copy of the bytes; they stay. */
  get(key: string): Buffer | undefined {
    const text = this.#documents.get(key)
    return text === undefined ? undefined : Buffer.from(text, 'latin1')
  }

  delete(key: string): void {
    const text = this.#documents.get(key)
    if (text === undefined) return
    this.#documents.delete(key)
    this.#bytes -= ENTRY_OVERHEAD_BYTES + TEXT_OVERHEAD_BYTES + key.length + text.length
  }

  clear(): void {
    this.#documents.clear()
    this.#bytes = 0
  }
}
