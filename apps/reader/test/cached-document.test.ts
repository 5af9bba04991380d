import { expect, test } from '@jest/globals'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { documentEncoder, representationOf } from '../src/read-document.ts'

const tag = '"0123456789012345678901"'
const encoder = documentEncoder((document) => ({ json: Buffer.from(document), etag: tag }))

test.each([10, 16 * 1024, 16 * 1024 + 1, 100_000])('%d bytes are kept unchanged', (length) => {
  const document = Buffer.alloc(length, 'ä')
  const { body, etag } = representationOf(encoder.encode(document))
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  expect(bytes.equals(document)).toBe(true)
  expect(etag).toBe(tag)
})

test('an ETag of another length is kept unchanged', () => {
  const { encode } = documentEncoder((document) => ({ json: Buffer.from(document), etag: '"tag"' }))
  expect(representationOf(encode(Buffer.from('{}')))).toEqual({ etag: '"tag"', body: Buffer.from('{}') })
})

test('a cached document does not change with the buffer that it was read from', () => {
  for (const length of [10, 100_000]) {
    // `{"a": "aa…"}` in BSON: length, type 2, name, length of the string, string, end.
    const document = Buffer.alloc(length + 13, 'a')
    document.writeInt32LE(document.length, 0)
    document.set([2, 0x61, 0], 4)
    document.writeInt32LE(length + 1, 7)
    document.set([0, 0], length + 11)
    const { body } = representationOf(documentEncoder(mongodbCodec.encode).encode(document))
    const before = body.toString('latin1')
    expect(before).toBe(`{"a":"${'a'.repeat(length)}"}`)
    document.fill('b')
    expect(body.toString('latin1')).toBe(before)
  }
})

test('the size of a value includes its overhead', () => {
  const small = encoder.sizeOf(encoder.encode(Buffer.alloc(500)))
  expect(small - 500).toBeGreaterThan(40)
  expect(small - 500).toBeLessThan(200)
  expect(encoder.sizeOf(encoder.encode(Buffer.alloc(100_000)))).toBeGreaterThan(100_000)
})
