import { expect, test } from '@jest/globals'
import { seededRandom } from '@freshet/testkit'
import { AppliedIds } from '../src/applied-ids.ts'

const uuid = '3d080d8f-ecd9-11f1-94d1-02fc00000001'

test('L3 every GTID is remembered, in any order, and no other', () => {
  const random = seededRandom()
  const ids = new AppliedIds()
  const known = new Set<string>()
  const scopes = [`${uuid}:`, `${uuid}:blue:`, '0-1-', '0-2-', 'file=binlog.000001,pos=', '']
  for (let n = 0; n < 3_000; n += 1) {
    const id = `${scopes[random.below(scopes.length)]}${1 + random.below(400)}`
    expect([id, ids.has(id)]).toEqual([id, known.has(id)])
    known.add(id)
    ids.add(id)
  }
  for (const scope of scopes)
    for (let n = 0; n <= 402; n += 1) expect(ids.has(`${scope}${n}`)).toBe(known.has(`${scope}${n}`))
  ids.clear()
  expect([...known].filter((id) => ids.has(id))).toEqual([])
})

test('L3 of other ids the latest 100,000 are remembered, and of GTIDs all', () => {
  const ids = new AppliedIds()
  for (let n = 1; n <= 110_000; n += 1) {
    ids.add(`${uuid}:${n}`)
    ids.add(String(n))
  }
  expect([1, 10_000, 10_001, 110_000].map((n) => ids.has(String(n)))).toEqual([false, false, true, true])
  expect([0, 1, 10_000, 110_000, 110_001].map((n) => ids.has(`${uuid}:${n}`))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ])
})
