import { expect, test } from '@jest/globals'
import { connectorFor } from '../src/index.ts'

test('H6 an address that cannot be acted on is refused before anything is opened, without its parts', () => {
  expect(() => connectorFor('postgres://u:secret@a,b/shop?target_session_attrs=standby', 1)).toThrow(
    /^target_session_attrs: expected primary or read-write: (?!.*secret)/,
  )
  expect(() => connectorFor('postgres://u:secret@a,b:x/shop', 1)).toThrow(/^expected a name(?!.*secret)/)
})

test('H6 an address of one host is left to the driver', async () => {
  const { host, port } = connectorFor('postgres://u:secret@[::1]:5433/shop', 1).client({})
  expect([host, port]).toEqual(['::1', 5433])
  expect(await connectorFor('postgres://u@a/shop', 1).ask()).toEqual([])
})
