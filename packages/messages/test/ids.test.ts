import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import {
  compositeId,
  conversationId,
  cursorId,
  isGroupId,
  isUser,
  membershipId,
  membersOf,
  occupiedName,
  userOf,
} from '../src/index.ts'

test('a composite id tells parts apart whatever they contain', () => {
  expect(membershipId('a', 'b:c')).not.toBe(membershipId('a:b', 'c'))
  expect(membershipId('a', '1:b')).not.toBe(compositeId('a1:b'))
  expect(cursorId('a', 'b')).toMatch(/^[\w-]{43}$/)
  const parts = fc.array(fc.string({ unit: 'binary', maxLength: 6 }), { minLength: 1, maxLength: 4 })
  const wellFormed = parts.filter((texts) => texts.every((text) => !/\p{Surrogate}/u.test(text)))
  fc.assert(
    fc.property(wellFormed, wellFormed, (one, other) => {
      expect(compositeId(...one) === compositeId(...other)).toBe(
        one.length === other.length && one.every((part, at) => part === other[at]),
      )
    }),
  )
})

test('a direct conversation is the same for all of its members, in any order', () => {
  const members = membersOf('ann', { users: ['cy', 'bob', 'cy'] })
  expect(members).toEqual(['ann', 'bob', 'cy'])
  expect(membersOf('bob', { users: ['ann', 'cy'] })).toEqual(members)
  expect(conversationId(membersOf('bob', { user: 'ann' }))).toBe(conversationId(['ann', 'bob']))
  expect(membersOf('ann', { user: 'ann' })).toEqual(['ann'])
  expect(conversationId(['ann', 'bob'])).not.toBe(conversationId(members))
})

test('the id of a group is its own conversation and never that of a direct one', () => {
  expect(conversationId({ group: 'team-1' })).toBe('team-1')
  expect(['team-1', 'a:b|c', 'x'.repeat(42), 'x'.repeat(44)].filter(isGroupId)).toHaveLength(4)
  const refused = ['', '.', 'a/b', 'ä', 'x'.repeat(257), conversationId(['ann', 'bob'])]
  expect(refused.filter(isGroupId)).toEqual([])
})

test('a user is well-formed text without control characters', () => {
  expect(['ann', 'auth0|5', 'Zoë Ø', '名前', '😀', 'a/b?c#d', 'x'.repeat(256)].filter(isUser)).toHaveLength(7)
  expect(['', 'a\0', 'a\nb', '\ud800', 'x'.repeat(257)].filter(isUser)).toEqual([])
})

test('a collection with the name of a route is found', () => {
  expect(occupiedName(['products', 'orders'])).toBeUndefined()
  expect(occupiedName(['products', 'groups'])).toBe('groups')
})

test('a token whose sub cannot be the name of a user is refused', () => {
  expect(userOf({ sub: 'ann' })).toBe('ann')
  for (const sub of ['a\0', '\ud800', 'x'.repeat(257)]) expect(() => userOf({ sub })).toThrow('forbidden')
})
