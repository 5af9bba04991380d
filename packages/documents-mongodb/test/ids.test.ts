import { expect, test } from '@jest/globals'
import { isValidId, type IdType } from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import { Long, ObjectId, serialize, UUID } from 'bson'
import { idToBson, newId } from '../src/ids.ts'

const uuid = '01890a5d-ac96-774b-bcce-b302099a8057'

test.each<[IdType, string]>([
  ['string', 'a'],
  ['string', '...'],
  ['string', 'A-z_0~@|:.'],
  ['string', 'x'.repeat(256)],
  ['objectid', '64b5f0c2a1b2c3d4e5f60718'],
  ['integer', '0'],
  ['integer', '-1'],
  ['integer', '2147483647'],
  ['integer', '-2147483648'],
  ['integer', '2147483648'],
  ['integer', '9007199254740991'],
  ['integer', '-9007199254740991'],
  ['uuid', uuid],
  ['uuid', '00000000-0000-0000-0000-000000000000'],
])('B9 an id of type %s reads back from its stored form: %s', (idType, id) => {
  expect(isValidId(idType, id)).toBe(true)
  expect(idFromDocument(idType, serialize({ _id: idToBson(idType, id) }))).toBe(id)
})

test.each<[IdType, string]>([
  ['string', ''],
  ['string', '.'],
  ['string', '..'],
  ['string', 'a b'],
  ['string', 'a/b'],
  ['string', 'é'],
  ['string', 'a\n'],
  ['string', 'x'.repeat(257)],
  ['objectid', '64B5F0C2A1B2C3D4E5F60718'],
  ['objectid', '64b5f0c2a1b2c3d4e5f6071'],
  ['objectid', '64b5f0c2a1b2c3d4e5f607180'],
  ['integer', '-0'],
  ['integer', '+1'],
  ['integer', '01'],
  ['integer', '1.0'],
  ['integer', '1e3'],
  ['integer', ''],
  ['integer', '9007199254740992'],
  ['integer', '-9007199254740992'],
  ['uuid', uuid.toUpperCase()],
  ['uuid', uuid.replaceAll('-', '')],
  ['uuid', `{${uuid}}`],
])('B9 another spelling is not an id of type %s: %s', (idType, id) => {
  expect(isValidId(idType, id)).toBe(false)
  expect(() => idToBson(idType, id)).toThrow(RangeError)
})

test('B9 an id is stored as its type', () => {
  expect(idToBson('string', '5')).toBe('5')
  expect(idToBson('integer', '5')).toBe(5)
  expect(idToBson('integer', '5000000000')).toEqual(Long.fromNumber(5_000_000_000))
  expect(idToBson('objectid', '64b5f0c2a1b2c3d4e5f60718')).toBeInstanceOf(ObjectId)
  expect(idToBson('uuid', uuid)).toEqual(new UUID(uuid))
})

test('B9 new ids are valid and unique, and UUIDv7 sort by creation time', () => {
  for (const idType of ['string', 'uuid', 'objectid'] as const) {
    const ids = Array.from({ length: 1_000 }, (_, ms) => newId(idType, 1_700_000_000_000 + ms) ?? '')
    expect(ids.filter((id) => !isValidId(idType, id))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    if (idType !== 'objectid') expect(ids.toSorted()).toEqual(ids)
  }
  // The first 48 bits are milliseconds, then version and variant: RFC 9562, section 5.7.
  expect(newId('uuid', 0x0189_0a5d_ac96)).toMatch(
    /^01890a5d-ac96-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  expect(newId('objectid', 0x64b5_f0c2_000)).toMatch(/^[0-9a-f]{24}$/)
  expect(newId('objectid', 0x64b5_f0c2 * 1_000)).toMatch(/^64b5f0c2[0-9a-f]{16}$/)
  expect(newId('integer')).toBeUndefined()
})
