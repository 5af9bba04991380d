import { expect, test } from '@jest/globals'
import { BodyError } from '@freshet/documents'
import { documentJson, documentTextOf } from '@freshet/postgres-rules'
import { postgresCodec } from '../src/index.ts'

const { encode, firstNotPlain, idOf, newId, readDocument, readPatch } = postgresCodec

/** A row that a program wrote with SQL. */
const foreign = documentJson(
  'k',
  '{"n": 123456789012345678901234567890.5, "s":"\\/\\u00e4",\n"list":[1.10, {"m":1e400}]}',
)

function apply(format: 'merge' | 'json', patch: unknown, lenient = false, stored = foreign): string {
  const next = readPatch(format, Buffer.from(JSON.stringify(patch))).apply(Buffer.from(stored), {
    id: 'k',
    lenient,
  })
  return encode(next).json.toString()
}

test('J3 numbers and escapes of other programs keep their text', () => {
  const kept = '{"id":"k","n":123456789012345678901234567890.5,"s":"\\/\\u00e4","list":[1.10,{"m":1e400}]'
  expect(apply('merge', { x: 1 })).toBe(`${kept},"x":1}`)
  expect(
    apply('json', [
      { op: 'copy', from: '/list/1/m', path: '/x' },
      { op: 'move', from: '/n', path: '/y' },
    ]),
  ).toBe(
    '{"id":"k","s":"\\/\\u00e4","list":[1.10,{"m":1e400}],"x":1e400,"y":123456789012345678901234567890.5}',
  )
})

test('J4 a number that no double holds is found, and is neither lost nor merged into', () => {
  expect(firstNotPlain(Buffer.from(foreign))).toMatchObject({ pointer: '/n' })
  expect(firstNotPlain(Buffer.from('{"id":"k","list":[1.10,{"m":1e400}]}'))).toMatchObject({
    pointer: '/list/1/m',
  })
  expect(firstNotPlain(Buffer.from('{"id":"k","n":1.10}'))).toBeUndefined()
  const refused = (work: () => unknown): string => {
    try {
      return String(work())
    } catch (error) {
      return error instanceof BodyError ? `${error.code} at '${error.pointer}'` : String(error)
    }
  }
  expect(refused(() => apply('merge', { n: { a: 1 } }))).toBe("not-plain-json at '/n'")
  expect(apply('merge', { n: { a: 1 } }, true)).toContain('"n":{"a":1}')
  expect(apply('merge', { n: 7 })).toContain('"n":7')
  const whole = [{ op: 'replace', path: '', value: { a: 1 } }]
  expect(refused(() => apply('json', whole))).toBe("not-plain-json at '/n'")
  expect(apply('json', whole, true)).toBe('{"id":"k","a":1}')
})

test('J4 a patch that doubles a document with each operation stops at the limit', () => {
  const copies = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }))
  const stored = JSON.stringify({ id: 'k', a: ['x'.repeat(1_000)] })
  expect(() => apply('json', copies, false, stored)).toThrow(/^bad-patch|^payload-too-large|^malformed-body/)
})

test.each([
  ['{}', '{"id":"k"}'],
  ['{"a":1}', '{"id":"k","a":1}'],
  [' { "a" :\n1 }\t', '{"id":"k","a" : 1 }'],
  ['{ }', '{"id":"k"}'],
  ['[1]', '{"id":"k","document":[1]}'],
  ['null', '{"id":"k","document":null}'],
  ['{"id":1}', '{"id":"k","document":{"id":1}}'],
  ['{"\\u0069d":1}', '{"id":"k","document":{"\\u0069d":1}}'],
  ['{"a":{"id":1}}', '{"id":"k","a":{"id":1}}'],
])('J5 the document %s is shown as %s', (text, json) => {
  expect(documentJson('k', text)).toBe(json)
  expect(() => JSON.parse(json)).not.toThrow()
})

test('J5 what is stored of a document is shown as the document', () => {
  const stored = readDocument(Buffer.from('{"b":[{}],"id":"k","1":2}')).toStored('string', 'k')
  const { json, etag } = encode(stored)
  const text = documentTextOf('k', json.toString())
  expect([text, documentJson('k', text)]).toEqual(['{"b":[{}],"1":2}', json.toString()])
  expect(encode(Buffer.from(documentJson('k', text))).etag).toBe(etag)
  expect(documentTextOf('k', '{"id":"k"}')).toBe('{}')
  expect(idOf('string', stored)).toBe('k')
  expect(newId('integer')).toBeUndefined()
  expect(newId('objectid')).toMatch(/^[0-9a-f]{24}$/)
})
