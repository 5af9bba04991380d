import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { RecentDocuments } from '../src/recent-documents.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)
const text = (document: Uint8Array | undefined): string | undefined =>
  document && Buffer.from(document).toString()

test('C13 keeps the latest documents until later ones overwrite them', () => {
  const recent = new RecentDocuments(64 * 1024)
  for (let n = 0; n < 10_000; n += 1) recent.put(`a/${n}`, Buffer.from(`document ${n}`.padEnd(100)))
  expect(text(recent.get('a/9999'))?.trim()).toBe('document 9999')
  expect(recent.get('a/0')).toBeUndefined()
  const kept = Array.from({ length: 100 }, (_, n) => recent.get(`a/${9_999 - n}`)).filter(
    (document) => document,
  )
  expect(kept.length).toBeGreaterThan(50)
})

test('C13 keeps neither a document that is too large nor the version it replaces', () => {
  const recent = new RecentDocuments(64 * 1024)
  recent.put('a/1', Buffer.from('old'))
  recent.put('a/1', Buffer.alloc(20_000))
  expect(recent.get('a/1')).toBeUndefined()
})

test('C13 does not confuse keys whose characters share their low bytes', () => {
  const recent = new RecentDocuments(4_096)
  for (let n = 0; n < 2_000; n += 1) {
    recent.put(`a/${n}\u0141`, Buffer.from('other'))
    expect(recent.get(`a/${n}A`)).toBeUndefined()
  }
})

test('C13 keeps nothing with a capacity of zero', () => {
  const recent = new RecentDocuments(0)
  recent.put('a/1', Buffer.from('x'))
  expect([recent.get('a/1'), recent.bytes]).toEqual([undefined, 0])
})

test(`C13 always returns the latest version of a key, for any sequence of writes (seed ${seed})`, () => {
  const key = fc.integer({ min: 0, max: 40 }).map((n) => `a/${n}`)
  const step = fc.record({
    do: fc.constantFrom('put', 'put', 'put', 'delete', 'clear'),
    key,
    size: fc.nat(60),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 200, max: 3_000 }),
      fc.array(step, { maxLength: 300, size: 'max' }),
      (bytes, steps) => {
        const recent = new RecentDocuments(bytes)
        const newest = new Map<string, string>()
        for (const [n, one] of steps.entries()) {
          // A document may contain bytes that look like another key's entry.
          const document = `${n} `.padEnd(one.size, '\u0003\u0000a/7')
          if (one.do === 'put') {
            recent.put(one.key, Buffer.from(document))
            newest.set(one.key, document)
          } else if (one.do === 'delete') {
            recent.delete(one.key)
            newest.delete(one.key)
          } else if (one.size > 55) {
            recent.clear()
            newest.clear()
          }
          for (let k = 0; k <= 40; k += 1) {
            const found = text(recent.get(`a/${k}`))
            // Call `expect` only for mismatches: a million calls would dominate the run time.
            if (found !== undefined && found !== newest.get(`a/${k}`))
              expect(found).toBe(newest.get(`a/${k}`))
          }
        }
      },
    ),
    { seed, numRuns: 300 },
  )
})
