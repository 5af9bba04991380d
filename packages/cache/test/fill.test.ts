import { expect, test } from '@jest/globals'
import { ABSENT } from '../src/absent.ts'
import { decide, MAX_RETRIES, type Fill, type FillDecision, type FillOutcome } from '../src/fill.ts'
import { position } from './world.ts'

const fill: Fill<string> = {
  key: 'a/1',
  readAt: position(5),
  epoch: 1,
  latest: undefined,
  overtaken: false,
  retries: 0,
}
const document: FillOutcome<string> = { kind: 'exact', value: 'read' }
const fenced: FillOutcome<string> = { kind: 'fenced', value: 'seen', until: position(8) }
const missing: FillOutcome<string> = { kind: 'fenced', value: ABSENT, until: position(8) }
const unavailable: FillOutcome<string> = { kind: 'unavailable' }

test.each<[string, Fill<string>, FillOutcome<string>, number, FillDecision<string>]>([
  ['C7 installs what was read', fill, document, 7, { kind: 'install', value: 'read' }],
  [
    'C7 the feed wins over the read',
    { ...fill, latest: 'fed' },
    document,
    7,
    { kind: 'install', value: 'fed' },
  ],
  [
    'C7 the feed answers when the read failed',
    { ...fill, latest: ABSENT },
    unavailable,
    5,
    { kind: 'install', value: ABSENT },
  ],
  ['C8 a change without content reads again', { ...fill, overtaken: true }, document, 7, { kind: 'again' }],
  ['C8 a new epoch reads again', { ...fill, epoch: 0 }, document, 7, { kind: 'again' }],
  [
    'C9 a document that is always overtaken answers from the past',
    { ...fill, overtaken: true, retries: MAX_RETRIES - 1 },
    document,
    7,
    { kind: 'answer-uninstalled', value: 'read', at: position(5) },
  ],
  [
    'C9 never from the past of another epoch',
    { ...fill, epoch: 0, overtaken: true, retries: MAX_RETRIES },
    document,
    7,
    { kind: 'again' },
  ],
  ['C10 a fenced reply waits for its fence', fill, fenced, 7, { kind: 'wait-until', position: position(8) }],
  ['C10 and is the state there', fill, fenced, 8, { kind: 'install', value: 'seen' }],
  ['C10 absence as well', fill, missing, 8, { kind: 'install', value: ABSENT }],
  ['C10 unless something changed', { ...fill, overtaken: true }, fenced, 8, { kind: 'again' }],
  ['C10 and the feed wins', { ...fill, latest: 'fed' }, fenced, 8, { kind: 'install', value: 'fed' }],
  [
    'C10 a source that is behind its feed is asked again after a moment',
    fill,
    { kind: 'behind-feed' },
    9,
    { kind: 'later' },
  ],
  [
    'C11 an unavailable position waits for a newer one',
    fill,
    unavailable,
    5,
    { kind: 'wait-after', position: position(5) },
  ],
  ['C11 and reads again at it', fill, unavailable, 6, { kind: 'again' }],
])('%s', (_name, state, outcome, now, decision) => {
  expect(decide(state, outcome, position(now), 1)).toEqual(decision)
})
