import { expect, test } from '@jest/globals'
import { Decimal128, deserialize, Long, ObjectId, serialize } from 'bson'
import { mongodbCodec } from '../src/index.ts'
import { firstNotPlain } from '../src/not-plain.ts'
import { apply, merge, rich, rules, shown } from './support/patching.ts'
import { element, rawDocument } from './support/raw-bson.ts'

const { readPatch } = mongodbCodec

// The examples of RFC 7396, appendix A.
test.each<[object, object, object]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('B10 merges %j with %j', (before, patch, after) => {
  expect(shown(merge(serialize({ _id: 'k', ...before }), patch))).toEqual({ id: 'k', ...after })
})

test('B12 a merge keeps bytes and order of everything it does not name', () => {
  const stored = serialize({ _id: 'k', ...rich, inner: { ...rich, n: 1 }, list: [rich], n: 1 })
  const patched = merge(stored, { n: 2, inner: { n: 2 } })
  expect(Buffer.from(patched)).toEqual(
    Buffer.from(serialize({ _id: 'k', ...rich, inner: { ...rich, n: 2 }, list: [rich], n: 2 })),
  )
})

test('B14 a merge into a type that JSON cannot represent is rejected unless lenient', () => {
  const stored = serialize({ _id: 'k', inner: rich })
  expect(() => merge(stored, { inner: { pattern: { x: 1 } } })).toThrow(
    /^not-plain-json at '\/inner\/pattern'/,
  )
  expect(shown(merge(stored, { inner: { pattern: { x: 1 } } }, true))).toMatchObject({
    inner: { pattern: { x: 1 } },
  })
  expect(shown(merge(stored, { inner: { pattern: 7, at: null } }))).toMatchObject({
    inner: { pattern: 7, price: '19.990' },
  })
})

test('B13 no patch changes the id', () => {
  const stored = serialize({ _id: 'k', id: 'inner', n: 1 })
  expect(shown(merge(stored, { id: 'k', n: 2 }))).toEqual({ id: 'k', $id: 'inner', n: 2 })
  expect(() => merge(stored, { id: 'other' })).toThrow(/^id-mismatch/)
  expect(() => merge(stored, { id: null })).toThrow(/^id-mismatch/)
  expect(() => apply(stored, { op: 'replace', path: '/id', value: 'other' })).toThrow(/^id-mismatch/)
  expect(() => apply(stored, { op: 'remove', path: '/id' })).toThrow(/^id-mismatch/)
  expect(() => apply(stored, { op: 'move', from: '/n', path: '/id' })).toThrow(/^id-mismatch/)
  const same = apply(
    stored,
    { op: 'test', path: '/id', value: 'k' },
    { op: 'replace', path: '/id', value: 'k' },
  )
  expect(Buffer.from(same)).toEqual(Buffer.from(stored))
  expect(shown(apply(stored, { op: 'replace', path: '/$id', value: 3 }))).toEqual({ id: 'k', $id: 3, n: 1 })
})

test('B24 patches use names as clients see them', () => {
  const stored = serialize({ _id: 'k', id: 1, $id: { a: 2 }, $$id: 3, n: { $id: 4, $$id: 5 } })
  const { a, ...patched } = deserialize(
    apply(
      stored,
      { op: 'test', path: '/$id', value: 1 },
      { op: 'test', path: '/$$id/a', value: 2 },
      { op: 'replace', path: '/$$id', value: 6 },
      { op: 'move', from: '/$$$id', path: '/a' },
      { op: 'test', path: '/n/$id', value: 4 },
    ),
  )
  expect([a, patched]).toEqual([3, { _id: 'k', id: 1, $id: 6, n: { $id: 4, $$id: 5 } }])
  const inner = serialize({ _id: 'k', n: { $id: 4, $$id: 5 } })
  expect(shown(apply(inner, { op: 'copy', from: '/n', path: '' }))).toEqual({ id: 'k', $id: 4, $$id: 5 })
  expect(firstNotPlain(serialize({ _id: 'k', $id: new Date(0) }))).toBe('/$$id')
})

// Based on RFC 6902, appendix A.
test.each<[string, object, readonly object[], object]>([
  ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
  ['adds into an array', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['adds at the end', { a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] }],
  ['replaces by adding', { a: 1 }, [{ op: 'add', path: '/a', value: null }], { a: null }],
  ['removes', { a: 1, b: 2 }, [{ op: 'remove', path: '/b' }], { a: 1 }],
  ['removes from an array', { a: [1, 2, 3] }, [{ op: 'remove', path: '/a/1' }], { a: [1, 3] }],
  ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: { c: 1 } }], { a: { b: { c: 1 } } }],
  ['moves', { a: { b: 1 }, c: {} }, [{ op: 'move', from: '/a/b', path: '/c/d' }], { a: {}, c: { d: 1 } }],
  ['moves in an array', { a: [1, 2, 3] }, [{ op: 'move', from: '/a/0', path: '/a/2' }], { a: [2, 3, 1] }],
  [
    'copies',
    { a: { b: [1] } },
    [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'add', path: '/c/b/0', value: 0 },
    ],
    { a: { b: [1] }, c: { b: [0, 1] } },
  ],
  [
    'tests and continues',
    { a: { x: 1, y: [2.0] } },
    [
      { op: 'test', path: '/a', value: { y: [2], x: 1 } },
      { op: 'remove', path: '/a' },
    ],
    {},
  ],
  [
    'reads escaped names',
    { 'a/b': 1, 'm~n': 2 },
    [
      { op: 'remove', path: '/a~1b' },
      { op: 'replace', path: '/m~0n', value: 3 },
    ],
    { 'm~n': 3 },
  ],
])('B11 a JSON patch %s', (_name, before, operations, after) => {
  expect(shown(apply(serialize({ _id: 'k', ...before }), ...operations))).toEqual({ id: 'k', ...after })
})

test.each<[string, object, RegExp]>([
  ['a missing path', { op: 'remove', path: '/x' }, /^bad-patch at '\/1\/path'/],
  ['a missing parent', { op: 'add', path: '/x/y', value: 1 }, /^bad-patch at '\/1\/path'/],
  ['an index beyond the end', { op: 'add', path: '/list/9', value: 1 }, /^bad-patch at '\/1\/path'/],
  [
    'an index with a leading zero',
    { op: 'replace', path: '/list/00', value: 1 },
    /^bad-patch at '\/1\/path'/,
  ],
  ['a test that fails', { op: 'test', path: '/n', value: 2 }, /^bad-patch at '\/1\/value'/],
  ['the root removed', { op: 'remove', path: '' }, /^bad-patch at '\/1'/],
  ['the root moved', { op: 'move', from: '', path: '/x' }, /^(?:bad-patch|id-mismatch) at '\/1'/],
  ['the root copied into itself', { op: 'copy', from: '', path: '/x' }, /^bad-patch at '\/1\/from'/],
  ['a list as the root', { op: 'replace', path: '', value: [] }, /^bad-patch at '\/1'/],
  [
    'a root that loses a type that JSON cannot represent',
    { op: 'add', path: '', value: {} },
    /^not-plain-json at '\/inner\/price'/,
  ],
  ['a path through the id', { op: 'add', path: '/id/x', value: 1 }, /^bad-patch at '\/1\/path'/],
  ['a missing source', { op: 'copy', from: '/x', path: '/y' }, /^bad-patch at '\/1\/from'/],
  ['an invalid pointer', { op: 'remove', path: 'n' }, /^bad-patch at '\/1\/path'/],
  ['an incomplete escape', { op: 'remove', path: '/~2' }, /^bad-patch at '\/1\/path'/],
  ['no value', { op: 'add', path: '/x' }, /^bad-patch at '\/1'/],
  ['an unknown operation', { op: 'merge', path: '/x' }, /^bad-patch at '\/1\/op'/],
  ['a move into itself', { op: 'move', from: '/inner', path: '/inner/x' }, /^bad-patch at '\/1\/from'/],
  [
    'the escaped name of a missing stored id',
    { op: 'add', path: '/$id', value: 1 },
    /^forbidden-name at '\/1\/path'/,
  ],
  ['a forbidden name', { op: 'add', path: '/inner/$set', value: 1 }, /^forbidden-name at '\/1\/path'/],
  ['the name _id', { op: 'add', path: '/_id', value: 1 }, /^bad-patch at '\/1\/path'/],
  [
    'a path through a regex',
    { op: 'add', path: '/inner/pattern/x', value: 1 },
    /^not-plain-json at '\/inner\/pattern'/,
  ],
])('B11 a JSON patch with %s is rejected with a pointer and changes nothing', (_name, operation, refusal) => {
  const stored = serialize({ _id: 'k', n: 1, list: [1], inner: rich })
  const copy = Buffer.from(stored)
  expect(() => apply(stored, { op: 'add', path: '/first', value: 1 }, operation)).toThrow(refusal)
  expect(Buffer.from(stored)).toEqual(copy)
})

test('B12 a JSON patch keeps the bytes of what it leaves alone, moves or copies', () => {
  const patched = apply(
    serialize({ _id: 'k', ...rich, n: 1 }),
    { op: 'move', from: '/price', path: '/cost' },
    { op: 'copy', from: '/at', path: '/seen' },
    { op: 'test', path: '/big', value: '9223372036854775807' },
  )
  const { price, ...others } = rich
  expect(Buffer.from(patched)).toEqual(
    Buffer.from(serialize({ _id: 'k', ...others, n: 1, cost: price, seen: rich.at })),
  )
  expect(deserialize(patched, { promoteLongs: false })['big']).toEqual(Long.MAX_VALUE)
})

test('B15 a result that is too deep is rejected', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(62)}{}${'}'.repeat(62)}`)
  const stored = serialize({ _id: 'k', x: {} })
  expect(() =>
    apply(stored, { op: 'add', path: '/x/y', value: JSON.parse(`${'{"a":'.repeat(61)}{}${'}'.repeat(61)}`) }),
  ).not.toThrow()
  expect(() =>
    apply(stored, { op: 'add', path: '/x/y', value: deep.a }, { op: 'copy', from: '/x/y', path: '/x/y/a' }),
  ).toThrow(/^malformed-body/)
})

test.each<[string, object, string | undefined]>([
  ['plain', { a: 1, b: 'x', c: [1.5, { d: null }], e: Long.fromNumber(2 ** 40), f: true }, undefined],
  ['a date', { a: [{ b: new Date() }] }, '/a/0/b'],
  ['a decimal', { 'x/y': Decimal128.fromString('1') }, '/x~1y'],
  ['a long beyond 2^53', { a: Long.MAX_VALUE }, '/a'],
  ['NaN', { a: Number.NaN }, '/a'],
  ['a stored id', { id: 1 }, '/$id'],
  ['2^53', { a: Long.fromString('9007199254740992') }, undefined],
  ['more than that', { a: [Long.fromString('-9007199254740993')] }, '/a/0'],
  ['Unicode', { é: '€😀' }, undefined],
])('B14 finds types that JSON cannot represent: %s', (_name, document, pointer) => {
  expect(firstNotPlain(serialize({ _id: new ObjectId(), ...document }))).toBe(pointer)
})

test('B14 a string or name that is not UTF-8 is not plain: clients cannot send it back', () => {
  const text = rawDocument(element(2, 'a', Buffer.from([2, 0, 0, 0, 0xff, 0])))
  expect(firstNotPlain(text)).toBe('/a')
  expect(firstNotPlain(rawDocument(element(8, Buffer.from([0xc3]), Buffer.from([1]))))).toBe('/\uFFFD')
  expect(firstNotPlain(rawDocument(element(3, 'x', text)))).toBe('/x/a')
})

test('B13 patches see the id as a string, whatever its stored type', () => {
  const stored = serialize({ _id: 5, n: 1 })
  const five = { id: '5', lenient: false }
  const patched = (...operations: readonly object[]): unknown =>
    shown(readPatch('json', Buffer.from(JSON.stringify(operations))).apply(stored, five))
  expect(patched({ op: 'test', path: '/id', value: '5' }, { op: 'copy', from: '/id', path: '/n' })).toEqual({
    id: '5',
    n: '5',
  })
  expect(() => patched({ op: 'test', path: '/id', value: 5 })).toThrow(/^bad-patch/)
  expect(shown(readPatch('merge', Buffer.from('{"id":"5","n":2}')).apply(stored, five))).toEqual({
    id: '5',
    n: 2,
  })
  expect(() => readPatch('merge', Buffer.from('{"id":5}')).apply(stored, five)).toThrow(/^id-mismatch/)
})

test('B11 the whole document can be tested and replaced and keeps its id', () => {
  const stored = serialize({ _id: 'k', id: 'inner', n: 1, a: { z: 1, y: [1] } })
  const test = { op: 'test', path: '', value: { id: 'k', $id: 'inner', n: 1, a: { z: 1, y: [1] } } }
  // A body may not contain the name $id, so `test` cannot match such a document as a whole.
  expect(() => apply(stored, test)).toThrow(/^forbidden-name/)
  const plain = serialize({ _id: 'k', n: 1, a: { z: 1, y: [1] } })
  const whole = { op: 'test', path: '', value: { a: { y: [1], z: 1 }, n: 1, id: 'k' } }
  expect(Buffer.from(apply(plain, whole))).toEqual(Buffer.from(plain))
  expect(() => apply(plain, { ...whole, value: { id: 'k' } })).toThrow(/^bad-patch at '\/0\/value'/)
  for (const op of ['add', 'replace']) {
    expect(Buffer.from(apply(plain, { op, path: '', value: { b: 2, id: 'k', a: { _id: 7 } } }))).toEqual(
      Buffer.from(serialize({ _id: 'k', b: 2, a: { _id: 7 } })),
    )
    expect(shown(apply(plain, { op, path: '', value: {} }, { op: 'add', path: '/x', value: 1 }))).toEqual({
      id: 'k',
      x: 1,
    })
    expect(() => apply(plain, { op, path: '', value: { id: 'other' } })).toThrow(/^id-mismatch/)
    expect(() => apply(plain, { op, path: '', value: { _id: 'k' } })).toThrow(/^forbidden-name/)
  }
  expect(shown(apply(plain, { op: 'move', from: '/a', path: '' }))).toEqual({ id: 'k', z: 1, y: [1] })
  const dated = serialize({ _id: 'k', at: new Date(0) })
  const replaced = readPatch('json', Buffer.from('[{"op":"replace","path":"","value":{"n":1}}]'))
  expect(() => replaced.apply(dated, rules)).toThrow(/^not-plain-json at '\/at'/)
  expect(shown(replaced.apply(dated, { ...rules, lenient: true }))).toEqual({ id: 'k', n: 1 })
})
