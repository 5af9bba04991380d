import { expect, test } from '@jest/globals'
import { attacks } from '../attacks.ts'
import { driversDoor, readersDoor, throughTypes } from './types.ts'

test('G1.7 no attack compiles through a ReadConnection, and what the compiler cannot see has a reason', async () => {
  expect(await throughTypes(attacks, readersDoor)).toEqual([])
  const unseen = attacks.flatMap(({ name, source }) =>
    typeof source === 'string' ? [] : [[name, source.unseen]],
  )
  expect(unseen.filter(([, why]) => why === '')).toEqual([])
  // Foreign code in expressions, and attacks that need no connection.
  expect(unseen.map(([name]) => name)).toEqual([
    '$where',
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

test('G1.7 negative control: with the driver’s own types almost every attack compiles', async () => {
  const through = await throughTypes(attacks, driversDoor)
  expect(through.length).toBeGreaterThan(attacks.length * 0.8)
})
