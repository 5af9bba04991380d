import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { CollectionKinds } from '../src/store/mongodb/collection-kinds.ts'

test('W8 a collection that is written is looked at every five seconds, and no write waits for it', async () => {
  let nowMs = 0
  let looks = 0
  let found: () => Promise<string | undefined> = async () => undefined
  const kinds = new CollectionKinds(
    async () => {
      looks += 1
      return await found()
    },
    { ...systemClock, now: () => nowMs },
  )
  expect(await Promise.all([kinds.before('a'), kinds.before('a')])).toEqual([undefined, undefined])
  expect(looks).toBe(1)
  nowMs = 4_999
  expect(kinds.before('a')).toBeUndefined()
  await Promise.resolve()
  expect(looks).toBe(1)
  // A look that fails tells nothing new, and the next one comes five seconds later.
  found = () => Promise.reject(new Error('away'))
  nowMs = 5_000
  expect(kinds.before('a')).toBeUndefined()
  await expect(kinds.now('a')).rejects.toThrow('away')
  found = async () => 'a view'
  nowMs = 10_000
  expect(kinds.before('a')).toBeUndefined()
  expect(await kinds.now('a')).toBe('a view')
  // Each write asks again, so that a mended collection is written at once.
  expect(await kinds.before('a')).toBe('a view')
  found = async () => undefined
  expect(await kinds.before('a')).toBeUndefined()
  expect(kinds.before('a')).toBeUndefined()
})
