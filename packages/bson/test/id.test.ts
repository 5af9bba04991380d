import { expect, test } from '@jest/globals'
import type { IdType } from '@freshet/protocol'
import { bsonTypes, idFromBson, idFromDocument } from '../src/index.ts'

const seed = Number(process.env['FRESHET_TEST_SEED'] ?? Date.now() % 2 ** 31)
const idTypes: readonly IdType[] = ['string', 'objectid', 'integer', 'uuid']

/** `{<name>: <value>}` */
function document(type: number, value: Uint8Array, name = '_id'): Buffer {
  const bytes = Buffer.concat([
    Buffer.alloc(4),
    Buffer.from([type]),
    Buffer.from(`${name}\0`),
    value,
    Buffer.alloc(1),
  ])
  bytes.writeInt32LE(bytes.length)
  return bytes
}

function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(value), Buffer.alloc(1)])
  bytes.writeInt32LE(bytes.length - 4)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

function decimal(coefficient: bigint, exponent: number, negative = false): Buffer {
  const value = (BigInt(exponent + 6_176) << 113n) | coefficient | (negative ? 1n << 127n : 0n)
  return Buffer.from(Buffer.from(value.toString(16).padStart(32, '0'), 'hex').toReversed())
}

/** A decimal identified by its first byte. */
function special(first: number): Buffer {
  return Buffer.concat([Buffer.from([9]), Buffer.alloc(14), Buffer.from([first])])
}

const uuidBytes = Buffer.from('01890a5dac96774bbcceb302099a8057', 'hex')

function binary(subtype: number, data: Uint8Array, length = data.length): Buffer {
  return Buffer.concat([int32(length), Buffer.from([subtype]), data])
}

const samples: readonly [IdType, string, number, Buffer, string | undefined][] = [
  ['string', 'a text', bsonTypes.string, text('Az09_~@|:.-'), 'Az09_~@|:.-'],
  ['string', 'three dots', bsonTypes.string, text('...'), '...'],
  ['string', '256 characters', bsonTypes.string, text('x'.repeat(256)), 'x'.repeat(256)],
  ['string', '257 characters', bsonTypes.string, text('x'.repeat(257)), undefined],
  ['string', 'nothing', bsonTypes.string, text(''), undefined],
  ['string', 'a dot', bsonTypes.string, text('.'), undefined],
  ['string', 'two dots', bsonTypes.string, text('..'), undefined],
  ['string', 'a slash', bsonTypes.string, text('a/b'), undefined],
  ['string', 'NUL inside', bsonTypes.string, text('a\0b'), undefined],
  ['string', 'a letter beyond ASCII', bsonTypes.string, text('é'), undefined],
  ['string', 'a byte that is no UTF-8', bsonTypes.string, text(Buffer.from([0x61, 0xff])), undefined],
  ['string', 'a symbol, which is equal to a string', bsonTypes.symbol, text('a'), 'a'],
  ['string', 'code', bsonTypes.code, text('a'), undefined],
  ['string', 'an int', bsonTypes.int32, int32(5), undefined],
  [
    'objectid',
    'an ObjectId',
    bsonTypes.objectId,
    Buffer.from('64b5f0c2a1b2c3d4e5f60718', 'hex'),
    '64b5f0c2a1b2c3d4e5f60718',
  ],
  ['objectid', 'its text', bsonTypes.string, text('64b5f0c2a1b2c3d4e5f60718'), undefined],
  ['integer', 'an int', bsonTypes.int32, int32(-5), '-5'],
  ['integer', 'the smallest int', bsonTypes.int32, int32(-(2 ** 31)), '-2147483648'],
  ['integer', 'a long', bsonTypes.int64, int64(5n), '5'],
  ['integer', 'a negative long', bsonTypes.int64, int64(-5_000_000_000n), '-5000000000'],
  ['integer', 'the largest', bsonTypes.int64, int64(2n ** 53n - 1n), '9007199254740991'],
  ['integer', 'the smallest', bsonTypes.int64, int64(1n - 2n ** 53n), '-9007199254740991'],
  ['integer', '2^53', bsonTypes.int64, int64(2n ** 53n), undefined],
  ['integer', '-2^53', bsonTypes.int64, int64(-(2n ** 53n)), undefined],
  ['integer', 'more than 2^53', bsonTypes.int64, int64(2n ** 53n + 1n), undefined],
  ['integer', 'the largest long', bsonTypes.int64, int64(2n ** 63n - 1n), undefined],
  ['integer', 'a whole double', bsonTypes.double, double(5), '5'],
  ['integer', '-0', bsonTypes.double, double(-0), '0'],
  ['integer', 'a fraction', bsonTypes.double, double(5.5), undefined],
  ['integer', 'a double of 2^53', bsonTypes.double, double(2 ** 53), undefined],
  ['integer', 'NaN', bsonTypes.double, double(Number.NaN), undefined],
  ['integer', 'infinity', bsonTypes.double, double(Infinity), undefined],
  ['integer', 'the decimal 5', bsonTypes.decimal, decimal(5n, 0), '5'],
  ['integer', 'the decimal 5.00', bsonTypes.decimal, decimal(500n, -2), '5'],
  ['integer', 'the decimal 5E+3', bsonTypes.decimal, decimal(5n, 3), '5000'],
  ['integer', 'the decimal -5', bsonTypes.decimal, decimal(5n, 0, true), '-5'],
  ['integer', 'the decimal -0', bsonTypes.decimal, decimal(0n, 6_111, true), '0'],
  ['integer', 'the decimal 5.5', bsonTypes.decimal, decimal(55n, -1), undefined],
  ['integer', 'a tiny decimal', bsonTypes.decimal, decimal(5n, -6_176), undefined],
  ['integer', 'a huge decimal', bsonTypes.decimal, decimal(5n, 6_111), undefined],
  [
    'integer',
    'the largest as a decimal',
    bsonTypes.decimal,
    decimal((2n ** 53n - 1n) * 10n ** 18n, -18),
    `${2n ** 53n - 1n}`,
  ],
  ['integer', '2^53 as a decimal', bsonTypes.decimal, decimal(2n ** 53n, 0), undefined],
  ['integer', 'a decimal of 35 digits, which is 0', bsonTypes.decimal, decimal(10n ** 34n, 0), '0'],
  ['integer', 'the decimal NaN', bsonTypes.decimal, special(0x7c), undefined],
  ['integer', 'the decimal -Infinity', bsonTypes.decimal, special(0xf8), undefined],
  ['integer', 'a decimal in the other form, which is 0', bsonTypes.decimal, special(0x6c), '0'],
  ['integer', 'a text of digits', bsonTypes.string, text('5'), undefined],
  ['integer', 'a date', bsonTypes.date, int64(5n), undefined],
  ['uuid', 'a UUID', bsonTypes.binary, binary(4, uuidBytes), '01890a5d-ac96-774b-bcce-b302099a8057'],
  ['uuid', 'one of the old subtype', bsonTypes.binary, binary(3, uuidBytes), undefined],
  ['uuid', '15 bytes', bsonTypes.binary, binary(4, uuidBytes.subarray(1)), undefined],
  ['uuid', '17 bytes', bsonTypes.binary, binary(4, Buffer.concat([uuidBytes, Buffer.alloc(1)])), undefined],
  ['uuid', 'its text', bsonTypes.string, text('01890a5d-ac96-774b-bcce-b302099a8057'), undefined],
]

test.each(samples)('an id of the type %s from %s', (idType, _name, type, value, id) => {
  expect(idFromDocument(idType, document(type, value))).toBe(id)
  // The value may be at any offset.
  const moved = Buffer.concat([Buffer.alloc(7, 0xff), value, Buffer.alloc(9, 0xff)])
  expect(idFromBson(idType, type, moved, 7)).toBe(id)
})

test('an id of one type is invalid for every other type', () => {
  for (const [own, , type, value, id] of samples.filter(([, , , , found]) => found !== undefined))
    expect([own, idTypes.filter((idType) => idFromDocument(idType, document(type, value)) === id)]).toEqual([
      own,
      [own],
    ])
})

test('only an _id in first place counts', () => {
  expect(idFromDocument('integer', document(bsonTypes.int32, int32(5), '_ie'))).toBeUndefined()
  expect(idFromDocument('integer', document(bsonTypes.int32, int32(5), '_idx'))).toBeUndefined()
  expect(idFromDocument('integer', document(bsonTypes.int32, int32(5), 'id'))).toBeUndefined()
  expect(idFromDocument('string', Buffer.from([5, 0, 0, 0, 0]))).toBeUndefined()
})

test(`hostile bytes never throw and never produce an invalid id (seed ${seed})`, () => {
  // A small seeded generator.
  let state = seed
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  for (const [, , type, value] of samples) {
    const whole = document(type, value)
    const broken: Buffer[] = Array.from({ length: whole.length }, (_, cut) => whole.subarray(0, cut))
    for (let run = 0; run < 200; run += 1) {
      const copy = Buffer.from(whole)
      copy[below(copy.length)] = below(256)
      copy[4 + below(9)] = below(256)
      broken.push(copy)
    }
    for (const bytes of broken)
      for (const idType of idTypes) {
        const id = idFromDocument(idType, bytes)
        if (id !== undefined) expect(id).toMatch(/^(?!\.{1,2}$)[A-Za-z0-9_~@|:.-]{1,256}$/)
      }
  }
  for (const idType of idTypes)
    for (let type = 0; type < 256; type += 1)
      for (const at of [0, 1, 2, 1_000]) expect(idFromBson(idType, type, Buffer.alloc(1), at)).toBeUndefined()
})
