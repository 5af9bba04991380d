import { expect, test } from '@jest/globals'
import { connectorFor } from '../src/index.ts'

test('H6 an address that cannot be acted on is refused before anything is opened, without its parts', () => {
  expect(() => connectorFor('postgres://u:secret@a,b/shop?target_session_attrs=standby', 1)).toThrow(
    /^target_session_attrs: expected primary or read-write: (?!.*secret)/,
  )
  expect(() => connectorFor('postgres://u:secret@a,b:x/shop', 1)).toThrow(/^expected a name(?!.*secret)/)
})

test('H6 no address replaces the settings of sessions on which promises depend', () => {
  const unsafe = 'postgres://u:secret@a/shop?options=-c%20synchronous_commit%3Doff'
  expect(() => connectorFor(unsafe, 1)).toThrow(/^options: expected none: Freshet decides(?!.*secret)/)
})
