import { expect, test } from '@jest/globals'
import { etagOf } from '@freshet/collections'
import type { Answer, Question, Truth } from '../src/audit/contract.ts'
import { judge, noFact } from '../src/audit/judge.ts'

const a = Buffer.from('{"id":"a","n":1}')
const b = Buffer.from('{"id":"b","n":2}')
const known: Truth = {
  kind: 'known',
  documents: new Map([
    ['a', a],
    ['b', b],
  ]),
}
const one = (id: string): Question => ({ collection: 'products', ids: [id], form: 'one' })
const several: Question = { collection: 'products', ids: ['b', 'x', 'a', 'y'], form: 'several' }

const answer = (status: number, body: Buffer | string, more: Partial<Answer> = {}): Answer => ({
  status,
  body: Buffer.from(body),
  etag: undefined,
  problem: undefined,
  source: undefined,
  position: undefined,
  ...more,
})
const wrong = (what: RegExp) => ({ kind: 'wrong', what: expect.stringMatching(what) })

test('P2 the stored bytes with their ETag are right', () => {
  expect(judge(one('a'), answer(200, a, { etag: etagOf(a) }), known)).toEqual({ kind: 'right' })
  expect(judge(one('x'), answer(404, '{}', { problem: 'not-found' }), known)).toEqual({ kind: 'right' })
})

test('P2 one other byte, another ETag, an absence or a presence that was not there is wrong', () => {
  const altered = answer(200, '{"id":"a","n":9}', { etag: etagOf(a) })
  expect(judge(one('a'), altered, known)).toEqual(wrong(/^other bytes: at byte 14 /))
  expect(judge(one('a'), answer(200, `${a.toString()} `), known)).toEqual(wrong(/^other bytes: at byte 16 /))
  expect(judge(one('a'), answer(200, a, { etag: etagOf(b) }), known)).toEqual(wrong(/^ETag /))
  expect(judge(one('a'), answer(404, '{}'), known)).toEqual(wrong(/^answered as absent/))
  expect(judge(one('x'), answer(200, a), known)).toEqual(wrong(/^answered, but it was absent/))
})

test('P2 several documents come in the order asked, with the missing ones named', () => {
  const right = `{"items":[${b.toString()},${a.toString()}],"missing":["x","y"]}`
  expect(judge(several, answer(200, right), known)).toEqual({ kind: 'right' })
  const turned = `{"items":[${a.toString()},${b.toString()}],"missing":["x","y"]}`
  expect(judge(several, answer(200, turned), known)).toEqual(wrong(/^other bytes/))
  const silent = `{"items":[${b.toString()},${a.toString()}],"missing":["x"]}`
  expect(judge(several, answer(200, silent), known)).toEqual(wrong(/^other bytes/))
})

test('what the database cannot confirm is not judged, and never an alarm', () => {
  const unknown: Truth = { kind: 'unknown', reason: 'too old' }
  expect(judge(one('a'), answer(200, b), unknown)).toEqual({ kind: 'unjudged', reason: 'too old' })
})

test('a refusal states no fact about data; 200 and a 404 for a document do', () => {
  expect(noFact(answer(200, a))).toBe(undefined)
  expect(noFact(answer(404, '', { problem: 'not-found' }))).toBe(undefined)
  expect(noFact(answer(404, '', { problem: 'unknown-collection' }))).toBe(
    'the reader answered 404 unknown-collection',
  )
  expect(noFact(answer(503, '', { problem: 'reader-behind' }))).toBe('the reader answered 503 reader-behind')
})
