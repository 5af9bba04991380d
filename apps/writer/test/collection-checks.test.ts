import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { POSITION_ZERO } from '@freshet/protocol'
import { eventually, KeptLog } from '@freshet/testkit'
import { CollectionChecks } from '../src/store/collection-checks.ts'

test('W8 a collection that is written is checked every five seconds, and no write waits for it', async () => {
  let nowMs = 0
  const log = new KeptLog()
  let looks = 0
  let found: () => Promise<string | undefined> = async () => undefined
  const checks = new CollectionChecks({
    check: async () => {
      looks += 1
      return await found()
    },
    mayExplain: () => true,
    clock: { ...systemClock, now: () => nowMs },
    log,
  })
  let begun = 0
  const write = (wrote = true): Promise<unknown> =>
    checks.around({ stored: 'a', idType: 'string' }, async () => {
      begun += 1
      return { wrote, at: POSITION_ZERO }
    })
  await Promise.all([write(), write()])
  expect([looks, begun]).toEqual([1, 2])
  nowMs = 4_999
  await write()
  expect([looks, begun]).toEqual([1, 3])
  // A failed check reveals nothing, and the next one follows five seconds later.
  found = () => Promise.reject(new Error('away'))
  nowMs = 5_000
  await write()
  await eventually(() => expect([looks, begun]).toEqual([2, 4]))
  // The write has its outcome, whatever the check finds.
  await write(false)
  expect([looks, begun]).toEqual([3, 5])
  found = async () => 'a view'
  nowMs = 10_000
  await write()
  await eventually(() => expect([looks, begun]).toEqual([4, 6]))
  // Each write checks again, so a fixed collection can be written at once.
  await expect(write()).rejects.toMatchObject({ code: 'NOT_EXACT' })
  expect([looks, begun]).toEqual([5, 6])
  // Logged once, since clients are not told the reason.
  expect(log.lines.map(({ level, fields }) => [level, fields])).toEqual([
    ['error', { collection: 'a', reason: 'a view' }],
  ])
  found = async () => undefined
  await write()
  await write()
  expect([looks, begun]).toEqual([6, 8])
})
