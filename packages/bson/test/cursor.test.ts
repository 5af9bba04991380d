import { expect, test } from '@jest/globals'
import { BsonCursor, bsonTypes, deeperThan } from '../src/index.ts'

const { string, int32, document, regex, pointer, binary } = bsonTypes

function element(type: number, name: string, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`), value])
}

function wrapped(...elements: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), ...elements, Buffer.alloc(1)])
  bytes.writeInt32LE(bytes.length)
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(`${value}\0`)])
  bytes.writeInt32LE(bytes.length - 4)
  return bytes
}

/** One value of each type, with its size in bytes. */
const values: readonly (readonly [type: number, value: Uint8Array])[] = [
  [bsonTypes.double, Buffer.alloc(8)],
  [string, text('hé')],
  [document, wrapped(element(int32, 'n', Buffer.alloc(4)))],
  [bsonTypes.array, wrapped()],
  [binary, Buffer.from([3, 0, 0, 0, 0, 7, 8, 9])],
  [bsonTypes.undefined, Buffer.alloc(0)],
  [bsonTypes.objectId, Buffer.alloc(12)],
  [bsonTypes.boolean, Buffer.from([1])],
  [bsonTypes.date, Buffer.alloc(8)],
  [bsonTypes.null, Buffer.alloc(0)],
  [regex, Buffer.from('a+\0i\0')],
  [pointer, Buffer.concat([text('db.c'), Buffer.alloc(12)])],
  [bsonTypes.code, text('f()')],
  [bsonTypes.symbol, text('s')],
  [bsonTypes.codeWithScope, Buffer.from([14, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0])],
  [int32, Buffer.alloc(4)],
  [bsonTypes.timestamp, Buffer.alloc(8)],
  [bsonTypes.int64, Buffer.alloc(8)],
  [bsonTypes.decimal, Buffer.alloc(16)],
  [bsonTypes.maxKey, Buffer.alloc(0)],
  [bsonTypes.minKey, Buffer.alloc(0)],
]

const whole = wrapped(...values.map(([type, value], index) => element(type, `f${index}`, value)))

test('a cursor visits every element of every type, with its name and value', () => {
  expect(new Set(values.map(([type]) => type))).toEqual(new Set<number>(Object.values(bsonTypes)))
  const cursor = new BsonCursor(whole)
  for (const [index, [type, value]] of values.entries()) {
    expect(cursor.next()).toBe(true)
    expect(cursor.type).toBe(type)
    expect(whole.toString('latin1', cursor.nameAt, cursor.nameEnd)).toBe(`f${index}`)
    expect(cursor.isNamed(Buffer.from(`f${index}`))).toBe(true)
    expect([cursor.isNamed(Buffer.from('f')), cursor.isNamed(Buffer.from(`g${index}`))]).toEqual([
      false,
      false,
    ])
    expect(whole.subarray(cursor.valueAt, cursor.end)).toEqual(Buffer.from(value))
  }
  expect([cursor.next(), cursor.isComplete]).toEqual([false, true])
})

test('a cursor starts at any offset and stays within its document', () => {
  const outer = wrapped(element(document, 'in', whole), element(int32, 'behind', Buffer.alloc(4)))
  const cursor = new BsonCursor(outer, 4 + 1 + 3)
  let count = 0
  while (cursor.next()) count += 1
  expect([count, cursor.isComplete]).toEqual([values.length, true])
})

/** What a cursor visits in arbitrary bytes. */
function walked(bytes: Uint8Array): BsonCursor {
  const cursor = new BsonCursor(bytes)
  for (let last = 3; cursor.next(); last = cursor.end) {
    expect(cursor.nameAt).toBeGreaterThan(last)
    expect(cursor.end).toBeLessThan(bytes.length)
  }
  return cursor
}

test('truncated bytes and wrong lengths end a cursor without an error, and are not complete', () => {
  for (let cut = 0; cut < whole.length; cut += 1) {
    const cursor = walked(whole.subarray(0, cut))
    expect(cursor.isComplete).toBe(false)
    expect(() => cursor.expectComplete()).toThrow(RangeError)
  }
  for (const lie of [-1, 0, 3, whole.length - 1, whole.length + 1, 2 ** 31 - 1]) {
    const bytes = Buffer.from(whole)
    bytes.writeInt32LE(lie)
    expect(walked(bytes).isComplete).toBe(false)
  }
})

test('an invalid type and a value longer than its document end a cursor', () => {
  const before = element(int32, 'a', Buffer.alloc(4))
  const negative = Buffer.from([0xff, 0xff, 0xff, 0xff, 0])
  for (const broken of [
    element(0x20, 'b', Buffer.alloc(4)),
    element(string, 'b', negative),
    element(document, 'b', negative),
    element(binary, 'b', negative),
    element(pointer, 'b', negative),
    element(regex, 'b', Buffer.from('a')),
    Buffer.from([int32, 0x62]),
  ]) {
    const cursor = new BsonCursor(wrapped(before, broken))
    expect([cursor.next(), cursor.next(), cursor.isComplete]).toEqual([true, false, false])
  }
})

test('no single-byte corruption makes a cursor leave the bytes or loop forever', () => {
  for (let at = 0; at < whole.length; at += 1)
    for (const byte of [0, 1, 0x7f, 0x80, 0xff]) {
      const bytes = Buffer.from(whole)
      bytes[at] = byte
      walked(bytes)
    }
})

test('nesting levels are counted, and invalid BSON is reported', () => {
  const nested = (levels: number): Buffer =>
    levels === 1 ? wrapped() : wrapped(element(document, 'a', nested(levels - 1)))
  expect([deeperThan(nested(3), 0, 3), deeperThan(nested(3), 0, 2)]).toEqual([false, true])
  expect(() => deeperThan(wrapped(element(0x20, 'b', Buffer.alloc(4))), 0, 5)).toThrow(RangeError)
})
