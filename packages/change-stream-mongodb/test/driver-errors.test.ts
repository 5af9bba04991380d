import { expect, test } from '@jest/globals'
import { changeStreamErrorOf, unsupported } from '../src/driver-errors.ts'

const serverError = (code: number): Error => Object.assign(new Error('by the test'), { code })

test('F27 what MongoDB itself must be given or set is said with the error, and nothing of it where all databases agree', () => {
  expect(changeStreamErrorOf(serverError(286), 'read').message).toBe(
    'HISTORY_LOST: could not read: error 286: by the test (Give MongoDB a longer oplog if this comes often.)',
  )
  expect(unsupported('expected a replica set').message).toMatch(/Use a replica set of MongoDB 6\.0 or newer/)
  expect(changeStreamErrorOf(serverError(13), 'read').message).toMatch(/^DENIED.*freshet migrate/)
})
