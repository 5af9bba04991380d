import { expect, test } from '@jest/globals'
import { heldPresentation } from '../src/held.ts'

const presentation = heldPresentation({
  presentJson: (document) => Buffer.from(document),
  etagOf: () => '"tag"',
})

test.each([10, 16 * 1024, 16 * 1024 + 1, 100_000])('%d bytes are kept as they are', (length) => {
  const document = Buffer.alloc(length, 'ä')
  const { body, etag } = presentation.present(document)
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  expect(bytes.equals(document)).toBe(true)
  expect(etag).toBe('"tag"')
})

test('what is kept does not change with the buffer that it came in', () => {
  for (const length of [10, 100_000]) {
    const document = Buffer.alloc(length, 'a')
    const { presentJson, etagOf } = { presentJson: () => document, etagOf: () => '"tag"' }
    const { body } = heldPresentation({ presentJson, etagOf }).present(document)
    document.fill('b')
    expect(body.toString('latin1').startsWith('a')).toBe(true)
  }
})

test('a value is counted with everything around it', () => {
  const small = presentation.sizeOf(presentation.present(Buffer.alloc(500)))
  expect(small - 500).toBeGreaterThan(60)
  expect(small - 500).toBeLessThan(200)
  expect(presentation.sizeOf(presentation.present(Buffer.alloc(100_000)))).toBeGreaterThan(100_000)
})
