import type { DocumentCodec } from '@freshet/documents'
import { bufferBytes, textBytes, type Encoder } from '@freshet/replica'

/**
 * Longer bodies are cached as a Buffer. Up to here a string of one-byte characters is as fast to send, since node:http
 * joins it with the head into one write, and it costs 350 bytes less; at 100 KB a Buffer is a fifth cheaper to send.
 */
const LONGEST_TEXT_BYTES = 16 * 1024

/** The object and its two fields. */
const HELD_OVERHEAD_BYTES = 40

/** One version of a document, as it leaves. Immutable. */
export class CachedDocument {
  /** With its quotes. */
  readonly etag: string
  /** The bytes of the JSON: a text with one character for each byte (`latin1`), or a Buffer of its own memory. */
  readonly body: string | Buffer

  constructor(etag: string, body: string | Buffer) {
    this.etag = etag
    this.body = body
  }
}

/** Makes what the reader keeps of a document: everything that costs time is done once per version, here. */
export function documentEncoder(encode: DocumentCodec['encode']): Encoder<CachedDocument> {
  return {
    encode: (document) => {
      const { json, etag: tag } = encode(document)
      // A tag that was put together from pieces would keep the pieces too: this makes one flat text of it.
      const etag = Buffer.from(tag, 'latin1').toString('latin1')
      return new CachedDocument(etag, json.length <= LONGEST_TEXT_BYTES ? json.toString('latin1') : json)
    },
    sizeOf: ({ etag, body }) =>
      HELD_OVERHEAD_BYTES +
      textBytes(etag) +
      (typeof body === 'string' ? textBytes(body) : bufferBytes(body)),
  }
}
