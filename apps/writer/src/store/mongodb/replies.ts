import { positionOf, type Position } from '@freshet/protocol'
import { Timestamp, type Document } from 'mongodb'
import { refusedBy } from './driver-errors.ts'
import { StoreError, type StoreErrorCode } from '../errors.ts'

/** DuplicateKey: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const duplicateKey = 11000

/**
 * The cluster time of the reply to a write command. A server without a key to sign times with, as it is for some seconds
 * after a start, leaves `operationTime` out; `opTime`, which such replies have for routers, is the same time.
 * `undefined`: it has neither.
 */
export function positionIn(reply: Document): Position | undefined {
  return positionOfTime(reply['operationTime']) ?? positionOfTime(reply['opTime']?.ts)
}

/** `undefined`: it is no time, or the empty one. */
export function positionOfTime(time: unknown): Position | undefined {
  return time instanceof Timestamp && time.t > 0 ? positionOf(time.t, time.i) : undefined
}

/** The error of the only statement of a write command; `undefined` when it was done. */
export function writeErrorOf(reply: Document): Document | undefined {
  const errors: unknown = reply['writeErrors']
  return Array.isArray(errors) ? (errors[0] as Document | undefined) : undefined
}

/**
 * What a statement that the server refused comes to; `at`: a majority has what it was refused for. The cause may hold
 * content of documents: it is for the log.
 */
export function refusedStatement(error: Document, at?: Position): StoreError {
  const code = codeOf(error)
  return new StoreError(code, `the server refused the statement with code ${String(error['code'])}`, {
    cause: error,
    ...(code === 'NOT_UNIQUE' && at !== undefined && { at }),
  })
}

function codeOf(error: Document): StoreErrorCode {
  const code: unknown = error['code']
  if (code !== duplicateKey) return refusedBy(code)
  // Every statement compares exactly, so the id of another document was only equal by the collation of the collection.
  return isOfId(error) && error['collation'] !== undefined ? 'NOT_EXACT' : 'NOT_UNIQUE'
}

/** Whether the statement failed because this very `_id` is taken; another unique index does not count. */
export function isTakenId(error: Document): boolean {
  return isOfId(error) && error['collation'] === undefined
}

function isOfId(error: Document): boolean {
  const pattern: unknown = error['keyPattern']
  return error['code'] === duplicateKey && typeof pattern === 'object' && pattern !== null && '_id' in pattern
}
