import { expect, test } from '@jest/globals'
import { BSON, Long } from '@freshet/guard'
import type { Change } from '@freshet/protocol'
import { assert, property, uint8Array } from 'fast-check'
import { contentOf } from '../src/backend/mongodb/decode.ts'

const upsert = (collection: string, document: Uint8Array): Change => ({
  kind: 'upsert',
  collection,
  id: 'x',
  document,
})
const decoded = (collection: string, fields: object) => contentOf(upsert(collection, BSON.serialize(fields)))

const message = {
  _id: 'm1',
  conv: 'c1',
  seq: 7,
  from: 'ann',
  to: { user: 'bob' },
  body: '{"n":1.0}',
  at: new Date(1_796_000_000_000),
  clientId: 'a-1',
  type: 'message',
}

test('D64 a message is read with the exact text of its body', () => {
  const { _id: id, at, body, ...rest } = message
  const expected = { ...rest, id, atMs: at.getTime(), bodyJson: body }
  expect(decoded('messages', message)).toEqual({ kind: 'message', message: expected })
  for (const seq of [Long.fromNumber(7), new BSON.Double(7)])
    expect(decoded('messages', { ...message, seq })).toEqual({ kind: 'message', message: expected })
  expect(decoded('messages', { ...message, body: '[1,\r\n\t"a"]' })).toMatchObject({
    message: { bodyJson: '[1,  \t"a"]' },
  })
  const { body: _, ...deleted } = { ...message, type: 'deleted', ref: 'm0' }
  expect(decoded('messages', deleted)).toMatchObject({ message: { type: 'deleted', ref: 'm0' } })
})

test.each<[string, object]>([
  ['a seq that is no integer', { seq: 1.5 }],
  ['a seq above 2^53', { seq: Long.MAX_VALUE }],
  ['a time outside the range of dates', { at: new BSON.Timestamp(Long.MAX_VALUE) }],
  ['101 recipients', { to: { users: Array.from({ length: 101 }, (_, index) => `user-${index}`) } }],
  ['two kinds of recipients', { to: { user: 'bob', group: 'team' } }],
  ['recipients that are no document', { to: 'bob' }],
  ['a body that is not JSON', { body: 'hello' }],
  ['a body of another type', { body: true }],
  ['a body that is nested too deep for other parsers', { body: `${'['.repeat(64)}${']'.repeat(64)}` }],
  ['a seq of 0', { seq: 0 }],
  ['a time before 1970', { at: new Date(-1) }],
  ['a time after the year 9999', { at: new Date(253_402_300_800_000) }],
  ['a list of no recipients', { to: { users: [] } }],
  ['a recipient without a name', { to: { users: ['bob', ''] } }],
  ['an edit of nothing', { type: 'edited' }],
  ['256 KiB more', { more: 'x'.repeat(2 ** 18) }],
])('D64 a message with %s is not read', (_, fields) => {
  expect(decoded('messages', { ...message, ...fields })).toEqual({ kind: 'unreadable' })
})

test('D64 a membership shows nothing unless all of its intervals are valid', () => {
  const intervalsOf = (intervals: unknown) => {
    const content = decoded('memberships', { group: 'team', user: 'ann', intervals })
    return content.kind === 'membership' ? content.membership.intervals : undefined
  }
  const valid = [{ from: 0, to: 3 }, { from: 4, to: 4 }, { from: 9 }]
  expect(intervalsOf(valid)).toEqual(valid)
  for (const intervals of [
    undefined,
    'all',
    [{ from: 1, to: true }],
    [{ from: 1, to: null }],
    [{ from: 3, to: 2 }],
    [{ from: -1 }],
    [{ from: 1 }, { from: 5 }],
    [
      { from: 5, to: 6 },
      { from: 6, to: 7 },
    ],
    [
      { from: 5, to: 6 },
      { from: 1, to: 2 },
    ],
    [{ to: 2 }],
    [1],
    Array.from({ length: 1_001 }, (_, index) => ({ from: 2 * index, to: 2 * index })),
  ])
    expect(intervalsOf(intervals)).toEqual([])
})

test('D65 what changes the state of users in an unknown way is a reset; other collections are none', () => {
  const changes = (collection: string): readonly Change[] => [
    { kind: 'delete', collection, id: 'x' },
    { kind: 'invalidate', collection, id: 'x' },
    { kind: 'drop-collection', collection },
    { kind: 'invalidate-collection', collection },
  ]
  for (const collection of ['memberships', 'revocations'])
    for (const change of changes(collection)) expect(contentOf(change)).toEqual({ kind: 'reset' })
  for (const change of changes('cursors')) expect(contentOf(change)).toEqual({ kind: 'unreadable' })
  // A new message of a transaction that is too large for its contents to arrive.
  expect(changes('messages').map((change) => contentOf(change).kind)).toEqual([
    'unreadable',
    'gap',
    'unreadable',
    'unreadable',
  ])
  expect(contentOf({ kind: 'invalidate-all' })).toEqual({ kind: 'reset' })
})

test('D64 no bytes make it throw', () => {
  const whole = BSON.serialize(message)
  for (const collection of ['messages', 'memberships', 'cursors', 'revocations', 'others']) {
    assert(property(uint8Array({ maxLength: 64 }), (bytes) => void contentOf(upsert(collection, bytes))))
    for (let length = 0; length < whole.length; length += 1)
      expect(contentOf(upsert(collection, whole.slice(0, length)))).toEqual({ kind: 'unreadable' })
    for (let index = 0; index < whole.length; index += 1)
      for (const value of [0, 1, 0x7f, 0xff]) {
        const bytes = Uint8Array.from(whole)
        bytes[index] = value
        contentOf(upsert(collection, bytes))
      }
  }
})
