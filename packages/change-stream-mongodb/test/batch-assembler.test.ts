import { expect, test } from '@jest/globals'
import { positionOf, type IdType } from '@freshet/protocol'
import { ObjectId, serialize, UUID } from 'bson'
import type { FeedReply } from '../src/batch-assembler.ts'
import {
  assembler,
  event,
  type EventParts,
  eventToken,
  type Kind,
  mark,
  reply,
  run,
  words,
} from './support/replies.ts'

test('F2 a transaction at the end of a reply is buffered until its end is proved', () => {
  const part = (n: number): Buffer => event(7, { id: `t${n}`, transaction: true })
  expect(
    run(
      assembler(),
      reply([], mark(5)),
      reply([event(6), part(1)], eventToken(7)),
      reply([part(2)], eventToken(7)),
      reply([], eventToken(7)),
    ),
  ).toEqual([[5], [6, 'upsert k6'], [6], [7, 'upsert t1', 'upsert t2']])
})

test('F2 a transaction is closed by the next position or by a high-water mark at or after it', () => {
  const part = event(7, { transaction: true })
  expect(
    run(assembler(), reply([], mark(5)), reply([part], eventToken(7)), reply([event(8)], eventToken(8))),
  ).toEqual([[5], [5], [8, 'upsert k7', 'upsert k8']])
  expect(run(assembler(), reply([], mark(5)), reply([part], eventToken(7)), reply([], mark(7)))).toEqual([
    [5],
    [5],
    [7, 'upsert k7'],
  ])
})

test('F2 in 6.0 an event outside a transaction ends its position; later versions may add others', () => {
  const replies = [
    reply([], mark(5)),
    reply([event(6)], eventToken(6)),
    reply([event(6, { id: 'n' })], eventToken(6)),
    reply([], mark(9)),
  ] as const
  expect(run(assembler(5, { singlePositions: false }), ...replies)).toEqual([
    [5],
    [5],
    [5],
    [9, 'upsert k6', 'upsert n'],
  ])
  expect(run(assembler(), ...(replies.slice(0, 2) as [FeedReply, FeedReply]))).toEqual([
    [5],
    [6, 'upsert k6'],
  ])
})

test('F1 the high-water mark of an opening may be one tick too high, later ones are not', () => {
  const late = event(9)
  const there = { operationTime: { high: 1, low: 8 } }
  expect(run(assembler(), reply([], mark(9)), reply([late], eventToken(9)))).toEqual([[8], [9, 'upsert k9']])
  expect(
    run(assembler(), reply([], mark(9), there), reply([], mark(9)), reply([late], eventToken(9))),
  ).toEqual([[8], [8], [9, 'upsert k9']])
  expect(run(assembler(), reply([], mark(9), there), reply([], mark(10)))).toEqual([[8], [10]])
  // What the server had already read when it opened counts with the next reply; otherwise an idle server would never be
  // current.
  const read = { operationTime: { high: 1, low: 9 } }
  expect(run(assembler(), reply([], mark(9), read), reply([], mark(9)))).toEqual([[8], [9]])
})

test('F1 the same replies lose a change if the opening mark counts as inclusive', () => {
  const broken = assembler()
  // That happens if the opening reply is treated like any other.
  broken.opened(reply([], mark(5)))
  const taken = [reply([], mark(9)), reply([event(9)], eventToken(9))].map((one) =>
    words(broken.next(one).batch.changes),
  )
  expect(taken).toEqual([[], []])
})

test('F4 redelivered events are skipped', () => {
  expect(run(assembler(6), reply([event(5), event(6), event(7)], eventToken(7)))).toEqual([[7, 'upsert k7']])
})

test('F4 the feed resumes after the last complete position, never inside one', () => {
  const target = assembler()
  run(target, reply([], mark(5)), reply([event(6)], eventToken(6)))
  expect(target.resume).toEqual({ how: 'resumeAfter', token: { _data: eventToken(6) } })
  target.next(reply([event(7, { transaction: true })], eventToken(7)))
  expect(target.hasOpenPosition).toBe(true)
  expect(target.resume).toEqual({ how: 'resumeAfter', token: { _data: eventToken(6) } })
})

test.each<[string, EventParts, readonly string[]]>([
  ['insert', {}, ['upsert k6']],
  ['replace', { kind: 'replace' }, ['upsert k6']],
  ['update', { kind: 'update' }, ['invalidate k6']],
  ['delete', { kind: 'delete' }, ['delete k6']],
  ['drop', { kind: 'drop' }, ['drop-collection things']],
  ['rename', { kind: 'rename', to: 'others' }, ['drop-collection things', 'invalidate-collection others']],
  ['rename to somewhere else', { kind: 'rename', to: 'elsewhere' }, ['drop-collection things']],
  [
    'rename from somewhere else',
    { kind: 'rename', collection: 'elsewhere', to: 'others' },
    ['invalidate-collection others'],
  ],
  ['create', { kind: 'create' }, ['invalidate-collection things']],
  ['modify', { kind: 'modify' }, ['invalidate-collection things']],
  ['createIndexes', { kind: 'createIndexes' }, []],
  ['dropIndexes', { kind: 'dropIndexes' }, []],
  ['dropDatabase', { kind: 'dropDatabase' }, ['invalidate-all']],
  ['something new', { kind: 'reshardCollection' }, ['invalidate-all']],
  ['an insert elsewhere', { collection: 'elsewhere' }, []],
  ['a heartbeat', { collection: 'freshet', id: 'heartbeat', kind: 'update' }, []],
  ['an id of another type', { id: 7 }, []],
  ['an id of another form', { id: 'a b' }, []],
])('F8 %s becomes the right change', (_name, parts, wanted) => {
  expect(run(assembler(), reply([], mark(5)), reply([event(6, parts)], eventToken(6)))).toEqual([
    [5],
    [6, ...wanted],
  ])
})

test.each<[IdType, unknown, string]>([
  ['objectid', ObjectId.createFromHexString('64b5f0c2a1b2c3d4e5f60718'), '64b5f0c2a1b2c3d4e5f60718'],
  ['integer', 7, '7'],
  ['uuid', new UUID('01890a5d-ac96-774b-bcce-b302099a8057'), '01890a5d-ac96-774b-bcce-b302099a8057'],
])('F5 ids of type %s arrive in the form used in URLs', (idType, id, text) => {
  expect(run(assembler(5, { idType }), reply([event(6, { id })], eventToken(6)))).toEqual([
    [6, `upsert ${text}`],
  ])
})

test.each<[string, EventParts]>([
  ['its document is replaced', { collection: 'freshet', id: 'source', kind: 'replace' }],
  ['its document is deleted', { collection: 'freshet', id: 'source', kind: 'delete' }],
  ['its collection is dropped', { collection: 'freshet', kind: 'drop' }],
  ['another collection takes its name', { collection: 'elsewhere', kind: 'rename', to: 'freshet' }],
])('F9 processing stops before the position at which %s: the identity must be read again', (_name, parts) => {
  const touching = event(7, { ...parts, transaction: true })
  const sameTransaction = event(7, { id: 'with', transaction: true })
  const before = [event(6), touching, sameTransaction]
  for (const last of [
    reply([...before, event(8)], eventToken(8)),
    reply(before, mark(9)),
    reply(before, eventToken(7), { ended: true }),
  ]) {
    const target = assembler()
    target.opened(reply([], mark(5)))
    const { batch, identityTouched } = target.next(last)
    expect(identityTouched).toBe(true)
    expect([batch.through, ...words(batch.changes)]).toEqual([positionOf(1, 6), 'upsert k6'])
    expect(target.resume).toBeUndefined()
  }
})

test('F9 a position at which the identity changes is not proved by the end of the log either', () => {
  const target = assembler()
  target.opened(reply([], mark(5)))
  const touching = event(7, { collection: 'freshet', id: 'source', kind: 'replace', transaction: true })
  expect(target.next(reply([event(6), touching], eventToken(7))).identityTouched).toBe(false)
  const { batch, identityTouched } = target.next(reply([], eventToken(7)))
  expect([identityTouched, batch.through]).toEqual([true, positionOf(1, 6)])
  expect(batch.provedAt).toBe(Number.NEGATIVE_INFINITY)
})

test('F15 a token with another time than its event, or of unknown format, is rejected', () => {
  expect(() => assembler().opened(reply([event(6, { token: eventToken(9) })], eventToken(6)))).toThrow(
    /^UNSUPPORTED/,
  )
  expect(() => assembler().opened(reply([], 'AB12'))).toThrow(
    /^UNSUPPORTED: expected a resume token of the known format/,
  )
})

test('F15 bytes that are not an event are rejected', () => {
  expect(() => assembler().opened(reply([Buffer.from(serialize({ a: 1 }))], mark(6)))).toThrow(RangeError)
})

const recount = 'stock/recount;heard="orders/42";writes="things"'
const lineage = [{ handler: 'stock/recount', heard: 'orders/42', writes: ['things'] }]
const record = { collection: 'freshet_causes', id: new ObjectId(), transaction: true }

test('F20 a change carries the cause that precedes it in its transaction, and no other', () => {
  const target = assembler()
  const { batch } = target.next(
    reply(
      [
        event(6, { ...record, cause: recount }),
        event(6, { id: 'caused', transaction: true }),
        event(6, { ...record, kind: 'delete' }),
        event(6, { id: 'alsoCheck', transaction: true }),
        event(7, { ...record, cause: recount }),
        event(8, { id: 'later' }),
        event(9, { ...record, cause: 'no lineage at all' }),
        event(9, { id: 'unreadable', transaction: true }),
        event(10, { id: 'last' }),
      ],
      eventToken(10),
    ),
  )
  const received = batch.changes.map((change) => ('id' in change ? [change.id, change.cause] : change.kind))
  expect(received).toEqual([
    ['caused', lineage],
    ['alsoCheck', undefined],
    ['later', undefined],
    ['unreadable', undefined],
    ['last', undefined],
  ])
})

test.each([0xff, 0xc0, 0])('F20 a record that is not text, because of byte %d, is ignored', (byte) => {
  const made = event(6, { ...record, cause: recount })
  made[made.indexOf(recount)] = byte
  const { batch } = assembler().next(reply([made, event(6, { transaction: true }), event(7)], eventToken(7)))
  expect(batch.changes).toHaveLength(2)
  for (const change of batch.changes) expect(change).not.toHaveProperty('cause')
})

test('F20 a cause and its document may arrive in separate replies', () => {
  const target = assembler()
  const first = target.next(reply([event(6, { ...record, cause: recount })], eventToken(6)))
  expect(first.batch.changes).toEqual([])
  const { batch } = target.next(
    reply([event(6, { kind: 'delete', transaction: true }), event(7)], eventToken(7)),
  )
  expect(batch.changes[0]).toEqual({ kind: 'delete', collection: 'things', id: 'k6', cause: lineage })
})

test('F29 a change of the identity from before it was read ends nothing', () => {
  const parts = { kind: 'replace', collection: 'freshet', id: 'source' }
  const known = assembler(5, { identityKnownThrough: { high: 1, low: 6 } })
  known.opened(reply([], mark(5)))
  expect(known.next(reply([event(6, parts)], eventToken(6))).identityTouched).toBe(false)
  expect(known.next(reply([event(7, parts)], eventToken(7))).identityTouched).toBe(true)
})

test('F13 the end of a cursor closes the open position, and the feed resumes after it', () => {
  const target = assembler()
  const end = eventToken(8)
  expect(
    run(
      target,
      reply([event(6, { transaction: true }), event(8, { kind: 'invalidate' })], end, { ended: true }),
    ),
  ).toEqual([[8, 'upsert k6', 'invalidate-all']])
  expect(target.resume).toEqual({ how: 'startAfter', token: { _data: end } })
})

/** The last event before the end, buffered because only the end proves that its position is complete. */
const held: readonly [string, Kind, EventParts][] = [
  ['of a transaction', {}, { transaction: true }],
  ['that may have neighbours at its time', { singlePositions: false }, {}],
]
const end = eventToken(6)

test.each(held)('F13 the end of a cursor delivers the last event, one %s', (_name, kind, parts) => {
  const last = reply([event(6, parts)], end, { ended: true })
  const opened = assembler(5, kind)
  expect(run(opened, last)).toEqual([[6, 'upsert k6']])
  const later = assembler(5, kind)
  expect(run(later, reply([], mark(5)), last)).toEqual([[5], [6, 'upsert k6']])
  for (const target of [opened, later]) {
    expect(target.hasOpenPosition).toBe(false)
    expect(target.resume).toEqual({ how: 'startAfter', token: { _data: end } })
  }
})

test.each(held)(
  'F13 the end of a cursor delivers what was buffered before it too, one %s',
  (_name, kind, parts) => {
    const replies = [
      reply([event(6, parts)], end),
      reply([event(6, { ...parts, id: 'last' })], end, { ended: true }),
    ] as const
    expect(run(assembler(5, kind), ...replies)).toEqual([[5], [6, 'upsert k6', 'upsert last']])
  },
)

test.each(held)('F13 the same replies do not deliver it if the end is ignored, one %s', (...given) => {
  const [, kind, parts] = given
  const unseen = reply([event(6, parts)], end)
  expect(run(assembler(5, kind), unseen)).toEqual([[5]])
  expect(run(assembler(5, kind), reply([], mark(5)), unseen)).toEqual([[5], [5]])
})
