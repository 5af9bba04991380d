import { expect, test } from '@jest/globals'
import { changeStreamErrorOf, unsupported } from '../src/driver-errors.ts'

const serverError = (code: number): Error => Object.assign(new Error('by the test'), { code })

test('F27 errors contain MongoDB-specific remedies, and only where one is needed', () => {
  expect(changeStreamErrorOf(serverError(286), 'read').message).toBe(
    'HISTORY_LOST: could not read: error 286: by the test (Increase the oplog size if this happens often.)',
  )
  expect(unsupported('expected a replica set').message).toMatch(
    /Use a replica set with MongoDB 6\.0 or newer/,
  )
  expect(changeStreamErrorOf(serverError(13), 'read').message).toMatch(/^DENIED.*freshet migrate/)
})
