import { expect, test } from '@jest/globals'
import { parseSourceId, positionOf, type Change, type SourceId } from '@freshet/protocol'
import { RecentHistory } from '../src/audit/recent-history.ts'

const unproved = { provedAt: 0, aliveAt: 0 }
const at = (n: number) => positionOf(0, n)
const sourceOf = (text: string): SourceId => parseSourceId(text) ?? fail()
const fail = (): never => {
  throw new Error('expected a source id')
}
const upsert = (id: string, json: string): Change => ({
  kind: 'upsert',
  collection: 'products',
  id,
  document: Buffer.from(json),
})

function followed(): RecentHistory {
  const history = new RecentHistory()
  history.begin({ source: sourceOf('0000000a'), at: at(10) })
  history.apply({ ...unproved, changes: [upsert('a', '1')], through: at(20) })
  history.apply({ ...unproved, changes: [], through: at(30) })
  history.apply({ ...unproved, changes: [upsert('a', '2'), upsert('b', '2')], through: at(40) })
  return history
}

test('P2 a read is the past of a document that has not changed since, and otherwise the feed has it', () => {
  const history = followed()
  const past = (id: string, n: number, until = at(40)) => history.at('products', id, at(n), until)
  expect(past('c', 10)).toEqual({ kind: 'present' })
  expect(past('a', 40)).toEqual({ kind: 'present' })
  // Between two batches, or before what is known.
  expect(past('a', 15)).toMatchObject({ kind: 'unknown' })
  expect(past('a', 35)).toMatchObject({ kind: 'unknown' })
  expect(past('a', 10)).toMatchObject({ kind: 'unknown' })
  expect(past('a', 20)).toEqual({ kind: 'past', state: Buffer.from('1') })
  expect(past('a', 30)).toEqual({ kind: 'past', state: Buffer.from('1') })
  // The change came after the read.
  expect(past('a', 30, at(30))).toEqual({ kind: 'present' })
})

test('P2 what was read is remembered until the first change', () => {
  const history = followed()
  history.observe('products', 'c', Buffer.from('0'))
  history.observe('products', 'a', Buffer.from('wrong'))
  history.apply({
    ...unproved,
    changes: [{ kind: 'drop-collection', collection: 'products' }],
    through: at(50),
  })
  history.apply({ ...unproved, changes: [{ kind: 'invalidate-all' }], through: at(60) })
  const past = (id: string, n: number) => history.at('products', id, at(n), at(60))
  expect(past('c', 12)).toEqual({ kind: 'past', state: Buffer.from('0') })
  expect(past('a', 40)).toEqual({ kind: 'past', state: Buffer.from('2') })
  expect(past('c', 50)).toEqual({ kind: 'past', state: 'absent' })
  expect(past('c', 60)).toEqual({ kind: 'present' })
  history.apply({ ...unproved, changes: [upsert('c', '3')], through: at(70) })
  expect(history.at('products', 'c', at(60), at(70))).toMatchObject({ kind: 'unknown' })
})

test('P8 it says whether anything changed between two positions', () => {
  const history = followed()
  expect(history.changed(at(20), at(30))).toBe('no')
  expect(history.changed(at(30), at(40))).toBe('yes')
  expect(history.changed(at(35), at(40))).toBe('unknown')
  expect(history.changed(at(40), at(40))).toBe('no')
})

test('P2 another history covers nothing of the one before it', () => {
  const history = followed()
  const { epoch } = history
  history.begin({ source: sourceOf('0000000b'), at: at(25) })
  expect([history.from, history.through, history.epoch]).toEqual([at(40), at(25), epoch + 1])
})
