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
    // A commit that found no primary may be the driver's second attempt, after a first one that was lost under way.
    'no primary',
    noPrimary,
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a login that failed',
    () => labelled(server(18), MongoErrorLabel.HandshakeError),
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a connection that broke',
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
    'a server that is no primary',
    () => server(10107),
    { write: 'UNREACHABLE', transaction: 'UNREACHABLE', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    // Told of a commit, it may be the driver's second attempt, after a first one that went through.
    'a transaction that the server gave up, for its age or a step-down',
    () => server(251),
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a step-down in the middle',
    () => server(11602),
    {
      write: 'OUTCOME_UNKNOWN',
      transaction: 'UNREACHABLE',
      commit: 'OUTCOME_UNKNOWN',
      confirm: 'UNCONFIRMED',
    },
  ],
  [
    'a missing right',
    () => server(13),
    { write: 'REJECTED', transaction: 'REJECTED', commit: 'OUTCOME_UNKNOWN', confirm: 'UNCONFIRMED' },
  ],
  [
    'a rule of the collection',
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

test('an error that is not of the driver is a defect, and stays what it is', () => {
  const defect = new TypeError('x')
  expect(storeErrorOf(defect, 'write')).toBe(defect)
  expect(isTransient(defect)).toBe(false)
})

test('what may be tried again says so by its label', () => {
  expect(isTransient(labelled(server(112), MongoErrorLabel.TransientTransactionError))).toBe(true)
  expect(isTransient(server(112))).toBe(false)
})
