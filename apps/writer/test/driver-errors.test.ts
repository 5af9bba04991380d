import { expect, test } from '@jest/globals'
import {
  MongoErrorLabel,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoWriteConcernError,
  type MongoError,
} from 'mongodb'
import { isTransient, storeErrorOf, type Stage } from '../src/store/mongodb/driver-errors.ts'
import type { StoreErrorCode } from '../src/store/errors.ts'

function labelled<T extends MongoError>(error: T, label: string): T {
  error.addErrorLabel(label)
  return error
}

const server = (code: number) => new MongoServerError({ message: `code ${code}`, code, ok: 0 })
const noPrimary = () => new MongoServerSelectionError('no primary', {} as never)
const slow = () =>
  new MongoWriteConcernError({ ok: 1, n: 1, writeConcernError: { code: 64, errmsg: 'slow' } })

const rows: readonly (readonly [string, () => unknown, Readonly<Record<Stage, StoreErrorCode>>])[] = [
  [
    // A commit that found no primary may be the driver's second attempt, after the first one was lost in flight.
    'no primary',
    noPrimary,
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a failed login',
    () => labelled(server(18), MongoErrorLabel.HandshakeError),
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a broken connection',
    () => new MongoNetworkError('broken'),
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a majority that was too slow',
    slow,
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a server that is not the primary',
    () => server(10107),
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    // For a commit, it may be the driver's second attempt, after the first one succeeded.
    'a transaction that the server aborted, because of its age or a step-down',
    () => server(251),
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a step-down during the command',
    () => server(11602),
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a missing privilege',
    () => server(13),
    { write: 'REJECTED', transaction: 'REJECTED', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a validation rule of the collection',
    () => server(121),
    { write: 'UNFIT', transaction: 'UNFIT', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a view',
    () => server(166),
    { write: 'NOT_EXACT', transaction: 'NOT_EXACT', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
]

test.each(rows)('%s', (_what, make, codes) => {
  for (const [stage, code] of Object.entries(codes) as [Stage, StoreErrorCode][])
    expect([stage, storeErrorOf(make(), stage)]).toEqual([stage, expect.objectContaining({ code })])
})

test('an error that is not from the driver is a defect, and is returned unchanged', () => {
  const defect = new TypeError('x')
  expect(storeErrorOf(defect, 'write')).toBe(defect)
  expect(isTransient(defect)).toBe(false)
})

test('a retryable error is recognized by its label', () => {
  expect(isTransient(labelled(server(112), MongoErrorLabel.TransientTransactionError))).toBe(true)
  expect(isTransient(server(112))).toBe(false)
})
