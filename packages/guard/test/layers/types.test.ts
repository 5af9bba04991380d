import { expect, test } from '@jest/globals'
import * as driver from 'mongodb'
import { refusedCollectionVerbs, refusedDatabaseVerbs } from '../../src/refused-verbs.ts'
import { attacks } from '../attacks.ts'
import { driversDoor, errorsOf, readersDoor, throughTypes } from './types.ts'

test('G1.7 no attack compiles through the reader’s door, and what the compiler cannot see says why', async () => {
  expect(await throughTypes(attacks, readersDoor)).toEqual([])
  const unseen = attacks.flatMap(({ name, source }) =>
    typeof source === 'string' ? [] : [[name, source.unseen]],
  )
  expect(unseen.filter(([, why]) => why === '')).toEqual([])
  // Foreign code in expressions, and what begins without a door.
  expect(unseen.map(([name]) => name)).toEqual([
    '$function',
    '$function in a find',
    '$accumulator',
    "a client of the client's own class",
    'a client in a worker',
    'bytes by hand over a socket',
    'fetch to the writer',
  ])
  expect(attacks.length).toBeGreaterThan(160)
})

test('G1.7 every verb of the driver that the door refuses is refused by its sentence', async () => {
  const verbs = [
    ...Object.entries(refusedCollectionVerbs).map(([verb, why]) => [`docs.${verb}`, why] as const),
    ...Object.entries(refusedDatabaseVerbs).map(([verb, why]) => [`db.${verb}`, why] as const),
  ]
  const errors = await errorsOf(
    verbs.map(([verb]) => `${verb}()`),
    readersDoor,
  )
  for (const [index, [verb, why]] of verbs.entries()) {
    expect([verb, ...(errors[index] ?? [])]).toEqual([verb, expect.stringContaining('TS2349')])
    expect(why.length).toBeGreaterThan(10)
  }
  // And the tables name what the driver's own classes have.
  const own = Object.getOwnPropertyNames(driver.Collection.prototype).filter(
    (name) => name in refusedCollectionVerbs,
  )
  expect(own.length).toBeGreaterThan(30)
})

test('G1.7 negative control: with the driver’s own types almost every attack compiles', async () => {
  const through = await throughTypes(attacks, driversDoor)
  expect(through.length).toBeGreaterThan(attacks.length * 0.8)
})
