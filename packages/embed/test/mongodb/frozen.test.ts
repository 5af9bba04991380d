import { expect, test } from '@jest/globals'
import { bsonValues } from '@freshet/testkit'
import { BSON, type Document } from 'mongodb'
import { frozen } from '../../src/mongodb/frozen.ts'

const { Binary, Code, DBRef, Decimal128, ObjectId, UUID } = BSON

const oid = ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718')

/** One value of each BSON type, and values that contain others. */
const values: Readonly<Record<string, unknown>> = {
  ...bsonValues,
  buffer: Buffer.from('bytes'),
  md5: new Binary(Buffer.from('bytes'), Binary.SUBTYPE_MD5),
  vector: Binary.fromInt8Array(new Int8Array([1, 2, 3])),
  'native regex': /a+/im,
  'code with values in its scope': new Code('f()', {
    at: new Date(1_000),
    deep: { bytes: new Binary(Buffer.from('x')) },
  }),
  reference: new DBRef('c', oid, 'db', { at: new Date(1_000), more: [new UUID()] }),
  'object of values': { at: new Date(1_000), list: [{ at: new Date(1_000) }, new Binary(Buffer.from('x'))] },
  'array of values': [new Date(1_000), Decimal128.fromString('1'), oid, [new Date(1_000)]],
}

/** Attempts a mutation: being refused is as good as having no effect. */
function attempt(act: () => unknown): unknown {
  try {
    return act()
  } catch {
    return undefined
  }
}

/** Tries every mutation on a value and on everything reachable from it. */
function attack(value: unknown, seen = new Set<unknown>()): void {
  // Prototype methods are shared by everyone and not part of the returned value.
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  if (seen.size > 300) return
  seen.add(value)
  if (ArrayBuffer.isView(value)) {
    new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(0xff)
    return
  }
  attempt(() => Date.prototype.setTime.call(value as Date, 5))
  attempt(() => Date.prototype.setUTCFullYear.call(value as Date, 1))
  attempt(() => RegExp.prototype.compile.call(value as RegExp, 'changed', 'g'))
  attempt(() => Reflect.apply(Array.prototype.push, value, ['changed']))
  attempt(() => Reflect.apply(Array.prototype.reverse, value, []))
  attempt(() => Reflect.set(value, 'added', 1))
  attempt(() => Object.setPrototypeOf(value, null))
  const names = new Set<string | symbol>(Reflect.ownKeys(value))
  for (let type: object | null = Object.getPrototypeOf(value); type !== null && type !== Object.prototype;) {
    for (const name of Reflect.ownKeys(type)) names.add(name)
    type = Object.getPrototypeOf(type)
  }
  for (const name of names) {
    if (name === 'constructor') continue
    const inner = attempt(() => Reflect.get(value, name))
    attack(inner, seen)
    // Setters and methods, with arguments that suit some of them.
    for (const change of [0, 'x', Buffer.from('changed!changed!'), new Date(5)]) {
      attempt(() => Reflect.set(value, name, change))
      if (typeof inner === 'function')
        attack(
          attempt(() => Reflect.apply(inner, value, [change, change, 0])),
          seen,
        )
    }
    attempt(() => Object.defineProperty(value, name, { value: 'changed' }))
    attempt(() => Reflect.deleteProperty(value, name))
  }
}

test.each(Object.entries(values))(
  'E3 no mutation of %s in a document is visible to others',
  (_name, value) => {
    const stored = BSON.serialize({ _id: 1, value, list: [value], nested: { value } })
    const document = frozen(BSON.deserialize(stored)).value
    const before = [JSON.stringify(document), Buffer.from(BSON.serialize(document)).toString('hex')]
    attack(document)
    const after = [JSON.stringify(document), Buffer.from(BSON.serialize(document)).toString('hex')]
    expect(after).toEqual(before)
  },
)

test('E3 negative control: the same attack changes a document that is not frozen', () => {
  const spoiled = Object.entries(values).filter(([, value]) => {
    const document: Document = BSON.deserialize(BSON.serialize({ value }))
    const before = Buffer.from(BSON.serialize(document)).toString('hex')
    attack(document)
    return attempt(() => Buffer.from(BSON.serialize(document)).toString('hex')) !== before
  })
  expect(spoiled.map(([name]) => name)).toEqual(Object.keys(values))
})

test('E3 frozen values keep their types and methods', () => {
  const document = frozen(BSON.deserialize(BSON.serialize(values))).value
  expect(document['date']).toEqual(new Date(1_000))
  expect(document['date']).toBeInstanceOf(Date)
  expect(document['binary'].toString()).toBe('bytes')
  expect(document['uuid'].toHexString()).toBe('01890a5d-ac96-774b-bcce-b302099a8057')
  expect(document['decimal'].toString()).toBe('19.990')
  expect(document['objectId'].equals(oid)).toBe(true)
  expect(document['native regex'].test('AA')).toBe(true)
  expect(document['timestamp'].getHighBits()).toBe(7)
  expect(document['array of values'].length).toBe(4)
  expect({ ...document }['date']).toEqual(new Date(1_000))
})
