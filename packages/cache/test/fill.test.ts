import { expect, test } from '@jest/globals'
import { ABSENT } from '../src/store.ts'
import { decide, MAX_RETRIES, type Fill, type FillDecision, type FillOutcome } from '../src/cache.ts'
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
  ['C8 retries after a change without content', { ...fill, overtaken: true }, document, 7, { kind: 'retry' }],
  ['C8 retries in a new epoch', { ...fill, epoch: 0 }, document, 7, { kind: 'retry' }],
  [
    'C9 answers a repeatedly overtaken document from an earlier position',
    { ...fill, overtaken: true, retries: MAX_RETRIES - 1 },
    document,
    7,
    { kind: 'answer-uninstalled', value: 'read', at: position(5) },
  ],
  [
    'C9 never answers from an earlier epoch',
    { ...fill, epoch: 0, overtaken: true, retries: MAX_RETRIES },
    document,
    7,
    { kind: 'retry' },
  ],
  [
    'C10 a fenced reply waits until W reaches its fence',
    fill,
    fenced,
    7,
    { kind: 'wait-until', position: position(8) },
  ],
  [
    'C10 installs a fenced reply once W has reached its fence',
    fill,
    fenced,
    8,
    { kind: 'install', value: 'seen' },
  ],
  ['C10 installs a fenced absence too', fill, missing, 8, { kind: 'install', value: ABSENT }],
  [
    'C10 retries a fenced reply if the document was overtaken',
    { ...fill, overtaken: true },
    fenced,
    8,
    { kind: 'retry' },
  ],
  [
    'C10 the feed wins over a fenced reply',
    { ...fill, latest: 'fed' },
    fenced,
    8,
    { kind: 'install', value: 'fed' },
  ],
  [
    'C10 retries later when the source is behind its feed',
    fill,
    { kind: 'behind-feed' },
    9,
    { kind: 'retry-later' },
  ],
  [
    'C11 waits for a later position when the position is unavailable',
    fill,
    unavailable,
    5,
    { kind: 'wait-after', position: position(5) },
  ],
  ['C11 retries at the later position', fill, unavailable, 6, { kind: 'retry' }],
])('%s', (_name, state, outcome, now, decision) => {
  expect(decide(state, outcome, position(now), 1)).toEqual(decision)
})
