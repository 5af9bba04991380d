import { expect, test } from '@jest/globals'
import { Binary, deserialize, serialize } from 'bson'
import * as fc from 'fast-check'
import { BodyError } from '@freshet/documents'
import { apply, merge, rich, shown } from './support/patching.ts'
import { element, nested, rawDocument } from './support/raw-bson.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)

test('B12 names that are not UTF-8, odd indexes and duplicate names are written back unchanged', () => {
  const item = element(16, 'seven', Buffer.from([1, 0, 0, 0]))
  const inner = [
    element(8, Buffer.from([0x61, 0xff]), Buffer.from([1])),
    element(16, 'n', Buffer.from([1, 0, 0, 0])),
    element(16, 'n', Buffer.from([2, 0, 0, 0])),
    element(4, 'list', rawDocument(item)),
  ]
  const document = (n: number): Buffer =>
    rawDocument(
      element(2, '_id', Buffer.from([2, 0, 0, 0, 0x6b, 0])),
      element(3, 'inner', rawDocument(...inner, element(16, 'm', Buffer.from([n, 0, 0, 0])))),
    )
  expect(Buffer.from(merge(document(1), { inner: { m: 2 } }))).toEqual(document(2))
  expect(
    Buffer.from(
      apply(
        document(1),
        { op: 'test', path: '/inner/list/0', value: 1 },
        { op: 'test', path: '/inner/a\uFFFD', value: true },
        { op: 'replace', path: '/inner/m', value: 2 },
      ),
    ),
  ).toEqual(document(2))
  // A pointer uses the name as clients see it.
  expect(shown(apply(document(1), { op: 'remove', path: '/inner/a\uFFFD' }))).toEqual({
    id: 'k',
    inner: { n: 1, list: [1], m: 1 },
  })
  // Inserting renumbers an array.
  expect(
    deserialize(apply(document(1), { op: 'add', path: '/inner/list/0', value: 0 }))['inner']['list'],
  ).toEqual([0, 1])
})

test('B12 inserting and removing renumbers arrays, for indexes of any length', () => {
  for (const count of [0, 1, 9, 10, 11, 99, 100, 101, 1_000, 1_001]) {
    const list = Array.from({ length: count }, (_, n) => n)
    const stored = serialize({ _id: 'k', list, n: 1 })
    const plus = Buffer.from(serialize({ _id: 'k', list: [-1, ...list], n: 1 }))
    expect(Buffer.from(apply(stored, { op: 'add', path: '/list/0', value: -1 }))).toEqual(plus)
    expect(Buffer.from(apply(plus, { op: 'remove', path: '/list/0' }))).toEqual(Buffer.from(stored))
  }
})

test('B15 a document deeper than the limit of bodies can be patched elsewhere', () => {
  const stored = serialize({ _id: 'k', deep: nested(90), n: 1 })
  expect(Buffer.from(merge(stored, { n: 2 }))).toEqual(
    Buffer.from(serialize({ _id: 'k', deep: nested(90), n: 2 })),
  )
  expect(Buffer.from(apply(stored, { op: 'replace', path: '/n', value: { a: [] } }))).toEqual(
    Buffer.from(serialize({ _id: 'k', deep: nested(90), n: { a: [] } })),
  )
  const at = '/deep' + '/a'.repeat(80)
  expect(() => apply(stored, { op: 'replace', path: at, value: 1 })).not.toThrow()
  expect(() => apply(stored, { op: 'replace', path: at, value: {} })).toThrow(/^malformed-body at '\/0'/)
  expect(() => apply(stored, { op: 'move', from: '/deep', path: '/other' })).not.toThrow()
  expect(() =>
    apply(stored, { op: 'add', path: '/x', value: {} }, { op: 'move', from: '/deep', path: '/x/y' }),
  ).toThrow(/^malformed-body at '\/1'/)
  expect(() => apply(stored, { op: 'copy', from: '/deep', path: '/other' })).toThrow(/^malformed-body/)
})

test('B15 a patch that doubles size or depth with each operation stops at the limit', () => {
  const copies = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }))
  const stored = serialize({ _id: 'k', a: ['x'.repeat(1_000)] })
  expect(() => apply(stored, ...copies)).toThrow(/^payload-too-large/)
  const wide = serialize({ _id: 'k', a: [new Binary(Buffer.alloc(3 * 2 ** 20))], b: {} })
  const names = Array.from({ length: 9 }, (_, n) => ({ op: 'copy', from: '/a', path: `/b/${n}` }))
  // The sixth copy does not fit, even though a later operation would remove it.
  expect(() => apply(wide, ...names, { op: 'remove', path: '/b' })).toThrow(/^payload-too-large/)
  expect(() => apply(wide, ...names.slice(0, 4), { op: 'remove', path: '/b' })).not.toThrow()
  const deeper = Array.from({ length: 16 }, (_, n) => ({
    op: 'copy',
    from: '/a',
    path: `/a${'/x'.repeat(2 ** n)}`,
  }))
  expect(() => apply(serialize({ _id: 'k', a: {} }), ...deeper.slice(0, 5))).not.toThrow()
  // 64 levels below the top.
  expect(() => apply(serialize({ _id: 'k', a: {} }), ...deeper)).toThrow(/^malformed-body at '\/5'/)
})

test('B15 a thousand operations that each copy a large value, or move it deeper, end early', () => {
  const stored = serialize({ _id: 'k', a: { x: 'x'.repeat(5 * 2 ** 20) }, b: {} })
  const thousand = <T>(one: (n: number) => T): T[] => Array.from({ length: 1_000 }, (_, n) => one(n))
  const copies = thousand(() => ({ op: 'copy', from: '/a', path: '/c' }))
  expect(() => apply(stored, ...copies)).toThrow(/^bad-patch at '\/6': expected a patch to copy/)
  const deeper = thousand((n) => (n % 2 === 0 ? { from: '/a', path: '/b/a' } : { from: '/b/a', path: '/a' }))
  expect(() => apply(stored, ...deeper.map((move) => ({ op: 'move', ...move })))).toThrow(
    /^bad-patch at '\/12'/,
  )
  const aside = thousand((n) => (n % 2 === 0 ? { from: '/a', path: '/c' } : { from: '/c', path: '/a' }))
  expect(Buffer.from(apply(stored, ...aside.map((move) => ({ op: 'move', ...move }))))).toHaveLength(
    stored.length,
  )
})

test(`B12 any patch leaves well-formed bytes of the tracked sizes (seed ${seed})`, () => {
  const value = fc
    .jsonValue({ maxDepth: 2 })
    .filter((one) => !/"(?:\$|[^"]*\.|__proto__)/.test(JSON.stringify(one)))
  const place = fc.constantFrom('/a', '/b', '/a/0', '/a/1', '/a/-', '/b/c', '/b/d', '/b/c/0', '/a/0/e', '')
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy'),
    path: place,
    from: place,
    value,
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 8 }), (operations) => {
      const before = serialize({ _id: 'k', a: [1, { e: [] }], b: { c: [2] }, ...rich })
      let bytes = before
      for (const one of operations) {
        // One at a time, so that a rejected operation does not end the others.
        try {
          bytes = apply(bytes, one)
        } catch (error) {
          expect(error).toBeInstanceOf(BodyError)
        }
      }
      expect(new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)).toBe(bytes.length)
      const exact = { promoteValues: false, bsonRegExp: true } as const
      // Compares lengths, since objects reorder integer-like names.
      expect(serialize(deserialize(bytes, exact))).toHaveLength(bytes.length)
    }),
    { seed, numRuns: 2_000 },
  )
})
