import { expect, test } from '@jest/globals'
import { positionOf, type SourceId } from '@freshet/protocol'
import { explain, explainAgain } from '../src/why/explain.ts'
import type { View } from '../src/why/views.ts'

const view = (name: string, etag: string | undefined, seconds: number, more: Partial<View> = {}): View => ({
  name,
  held: 'document',
  status: etag === undefined ? 404 : 200,
  etag,
  at: { source: '01234567' as SourceId, at: positionOf(seconds, 1) },
  ageS: 0,
  cacheStatus: 'freshet; hit',
  failure: undefined,
  ...more,
})

test.each<[string, readonly View[], string, RegExp]>([
  [
    'the same',
    [view('a', '"1"', 5), view('b', '"1"', 5)],
    'same',
    /^All readers give the same document\. All are at the same position\.$/,
  ],
  [
    'the same at different positions',
    [view('a', '"1"', 5), view('b', '"1"', 9)],
    'same',
    /4 s apart, which does not matter/,
  ],
  ['none', [view('a', undefined, 5), view('b', undefined, 5)], 'same', /there is no such document/],
  [
    'a change in between',
    [view('a', '"2"', 9), view('b', '"1"', 5)],
    'passing',
    /b had not seen the change that a had \(4 s apart\)/,
  ],
  [
    'a deletion in between',
    [view('a', undefined, 9), view('b', '"1"', 5)],
    'passing',
    /b had not seen the change that a had/,
  ],
  [
    'different at one position',
    [view('a', '"1"', 5), view('b', '"2"', 5), view('c', '"2"', 4)],
    'wrong',
    /^a and b give different documents at the same position, which must never happen\. Run `freshet audit`/,
  ],
  [
    'two histories',
    [
      view('a', '"1"', 5),
      view('b', '"1"', 5, { at: { source: '89abcdef' as SourceId, at: positionOf(5, 1) } }),
    ],
    'wrong',
    /^The readers follow different histories \(a: 01234567; b: 89abcdef\)/,
  ],
  [
    'one silent',
    [view('a', '"1"', 5), view('b', undefined, 5, { failure: '503 x' })],
    'silent',
    /Only a has an answer\. b did not return the document: 503 x\.$/,
  ],
  [
    'all silent',
    [view('b', undefined, 5, { failure: '503 x' })],
    'silent',
    /^b did not return the document: 503 x\.$/,
  ],
  [
    'nothing cached',
    [view('a', undefined, 5, { status: undefined, held: 'no' })],
    'same',
    /^No reader has it cached/,
  ],
])('%s', (_, views, kind, sentence) => {
  expect(explain(views)).toEqual({ kind, sentence: expect.stringMatching(sentence) })
})

test('a change in between is confirmed by a second look, or the reader that is behind is named', () => {
  const before = explain([view('a', '"2"', 9), view('b', '"1"', 5)])
  expect(explainAgain(before, explain([view('a', '"2"', 9), view('b', '"2"', 9)]))).toEqual({
    kind: 'same',
    sentence: expect.stringMatching(/Asked again at the latest of these positions, all give the same\.$/),
  })
  const behind = view('b', undefined, 5, { failure: '503 Reader behind' })
  expect(explainAgain(before, explain([view('a', '"2"', 9), behind]))).toEqual({
    kind: 'silent',
    sentence: expect.stringMatching(
      /b did not return the document: 503 Reader behind\. See lagSeconds and brokenBy/,
    ),
  })
})
