import { expect, test } from '@jest/globals'
import { BSON } from 'mongodb'
import { asDocuments } from '../../src/mongodb/as-documents.ts'

test('E3 what one caller does to a document is invisible to the next', () => {
  const held = asDocuments.encode(
    BSON.serialize({
      at: new Date(1_000),
      uuid: new BSON.UUID('01890a5d-ac96-774b-bcce-b302099a8057'),
      bytes: new BSON.Binary(Buffer.from('bytes')),
      price: BSON.Decimal128.fromString('19.990'),
      list: [{ at: new Date(2_000) }],
    }),
  )
  const before = JSON.stringify(held.document)
  held.document['at'].setTime(0)
  held.document['uuid'].buffer.fill(0)
  held.document['bytes'].buffer[0] = 0
  held.document['price'].bytes.fill(0)
  held.document['list'][0].at.setFullYear(1)
  expect(() => Object.assign(held.document['bytes'], { position: 0 })).toThrow(TypeError)
  expect(JSON.stringify(held.document)).toBe(before)
})

test('E3 values that are copied on each access count for more, in proportion to their number', () => {
  const sizeOf = (document: object): number =>
    asDocuments.sizeOf(asDocuments.encode(BSON.serialize(document)))
  const plain = { n: 1.5, list: [1.5, 1.5] }
  const dates = { n: new Date(), list: [new Date(), new Date()] }
  expect(sizeOf(plain)).toBe(BSON.calculateObjectSize(plain) * 4)
  expect(sizeOf(dates) - sizeOf(plain)).toBe(2 * 800 + 3 * 200)
})
