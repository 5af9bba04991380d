import { expect, test } from '@jest/globals'
import { etagOf } from '@freshet/documents'
import type { Answer, Question, Truth } from '../src/audit/contract.ts'
import { judge, refusalReason } from '../src/audit/judge.ts'

const a = Buffer.from('{"id":"a","n":1}')
const b = Buffer.from('{"id":"b","n":2}')
const known: Truth = {
  kind: 'known',
  documents: new Map([
    ['a', a],
    ['b', b],
  ]),
}
const one = (id: string, more: Partial<Question> = {}): Question => ({
  collection: 'products',
  ids: [id],
  form: 'one',
  method: 'GET',
  ...more,
})
const several: Question = {
  collection: 'products',
  ids: ['b', 'x', 'a', 'y'],
  form: 'several',
  method: 'GET',
}

const answer = (status: number, body: Buffer | string, more: Partial<Answer> = {}): Answer => ({
  status,
  body: Buffer.from(body),
  etag: undefined,
  contentType: 'application/json',
  contentLength: undefined,
  ageS: 0,
  cacheStatus: 'freshet; hit',
  problem: undefined,
  source: undefined,
  position: undefined,
  ...more,
})
const wrong = (what: RegExp) => ({ kind: 'wrong', what: expect.stringMatching(what) })

test('P2 the stored bytes with their ETag are correct', () => {
  expect(judge(one('a'), answer(200, a, { etag: etagOf(a) }), known)).toEqual({ kind: 'right' })
  expect(judge(one('x'), answer(404, '{}', { problem: 'not-found' }), known)).toEqual({ kind: 'right' })
})

test('P2 a different byte or ETag, a false absence and a false presence are wrong', () => {
  const altered = answer(200, '{"id":"a","n":9}', { etag: etagOf(a) })
  expect(judge(one('a'), altered, known)).toEqual(wrong(/^different bytes: at byte 14 /))
  expect(judge(one('a'), answer(200, `${a.toString()} `), known)).toEqual(
    wrong(/^different bytes: at byte 16 /),
  )
  expect(judge(one('a'), answer(200, a, { etag: etagOf(b) }), known)).toEqual(wrong(/^ETag /))
  expect(judge(one('a'), answer(404, '{}'), known)).toEqual(wrong(/^answered as absent/))
  expect(judge(one('x'), answer(200, a), known)).toEqual(wrong(/^answered 200, but it was absent/))
})

test('P2 a HEAD has the length and ETag of the document and no body', () => {
  const head = one('a', { method: 'HEAD' })
  const right = { etag: etagOf(a), contentLength: a.length }
  expect(judge(head, answer(200, '', right), known)).toEqual({ kind: 'right' })
  expect(judge(head, answer(200, a, right), known)).toEqual(wrong(/^a HEAD with a body/))
  expect(judge(head, answer(200, '', { ...right, contentLength: 1 }), known)).toEqual(
    wrong(/^Content-Length 1/),
  )
  expect(judge(head, answer(200, '', { ...right, etag: etagOf(b) }), known)).toEqual(wrong(/^ETag /))
})

test('P2 304 and 412 depend on the current version, and are wrong without a condition', () => {
  const noneMatch = (etag: string): Question => one('a', { condition: { kind: 'none-match', etag } })
  const match = (etag: string): Question => one('a', { condition: { kind: 'match', etag } })
  const [now, other] = [{ etag: etagOf(a) }, { etag: etagOf(b) }]
  expect(judge(noneMatch(now.etag), answer(304, '', now), known)).toEqual({ kind: 'right' })
  expect(judge(noneMatch(now.etag), answer(304, '', other), known)).toEqual(wrong(/^ETag /))
  expect(judge(noneMatch(other.etag), answer(304, '', other), known)).toEqual(wrong(/^answered 304/))
  expect(judge(one('a'), answer(304, '', now), known)).toEqual(wrong(/^answered 304/))
  expect(judge(match(other.etag), answer(412, '{}', now), known)).toEqual({ kind: 'right' })
  expect(judge(match(now.etag), answer(412, '{}', now), known)).toEqual(wrong(/^answered 412/))
  expect(judge(match(other.etag), answer(200, a, now), known)).toEqual(wrong(/^answered If-Match/))
  expect(judge(one('x', { condition: { kind: 'match', etag: '"z"' } }), answer(412, '', now), known)).toEqual(
    wrong(/^answered 412, but it was absent/),
  )
  expect(judge(several, answer(304, '', now), known)).toEqual(wrong(/^answered 304/))
})

test('P2 several documents are in the requested order, with the missing ones listed', () => {
  const right = `{"items":[${b.toString()},${a.toString()}],"missing":["x","y"]}`
  expect(judge(several, answer(200, right), known)).toEqual({ kind: 'right' })
  const turned = `{"items":[${a.toString()},${b.toString()}],"missing":["x","y"]}`
  expect(judge(several, answer(200, turned), known)).toEqual(wrong(/^different bytes/))
  const silent = `{"items":[${b.toString()},${a.toString()}],"missing":["x"]}`
  expect(judge(several, answer(200, silent), known)).toEqual(wrong(/^different bytes/))
})

test('what the database cannot confirm is unjudged, never wrong', () => {
  const unknown: Truth = { kind: 'unknown', reason: 'too old' }
  expect(judge(one('a'), answer(200, b), unknown)).toEqual({ kind: 'unjudged', reason: 'too old' })
})

test('a refusal states no fact about data; 200 and a 404 for a document do', () => {
  expect(refusalReason(answer(200, a))).toBe(undefined)
  expect(refusalReason(answer(404, '', { problem: 'not-found' }))).toBe(undefined)
  expect(refusalReason(answer(404, '', { problem: 'unknown-collection' }))).toBe(
    'the reader answered 404 unknown-collection',
  )
  expect(refusalReason(answer(503, '', { problem: 'reader-behind' }))).toBe(
    'the reader answered 503 reader-behind',
  )
})
