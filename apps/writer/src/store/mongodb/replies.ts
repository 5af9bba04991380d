import { positionOf, type Position } from '@freshet/protocol'
import { Timestamp, type Document } from 'mongodb'
import { refusedBy } from './driver-errors.ts'
import { StoreError, type StoreErrorCode } from '../errors.ts'

/** DuplicateKey: https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml */
const duplicateKey = 11000

/**
 * The cluster time of the reply to a write command. A server without signing keys, as in its first seconds, omits
 * `operationTime`; `opTime`, which such replies contain for routers, is the same time. `undefined` if there is neither.
 */
export function positionIn(reply: Document): Position | undefined {
  return positionOfTime(reply['operationTime']) ?? positionOfTime(reply['opTime']?.ts)
}

/** `undefined` if it is not a time or is the zero time. */
export function positionOfTime(time: unknown): Position | undefined {
  return time instanceof Timestamp && time.t > 0 ? positionOf(time.t, time.i) : undefined
}

/** The error of a write command's only statement; `undefined` if it succeeded. */
export function writeErrorOf(reply: Document): Document | undefined {
  const errors: unknown = reply['writeErrors']
  return Array.isArray(errors) ? (errors[0] as Document | undefined) : undefined
}

/**
 * The error for a rejected statement. `at`: a majority has what caused the rejection. The cause may contain document
 * content and is only for the log.
 */
export function refusedStatement(error: Document, at?: Position): StoreError {
  const code = codeOf(error)
  return new StoreError(code, `the server rejected the statement with code ${String(error['code'])}`, {
    cause: error,
    ...(code === 'NOT_UNIQUE' && at !== undefined && { at }),
  })
}

function codeOf(error: Document): StoreErrorCode {
  const code: unknown = error['code']
  if (code !== duplicateKey) return refusedBy(code)
  // Every statement compares exactly, so another document's id was equal only by the collection's collation.
  return isOfId(error) && error['collation'] !== undefined ? 'NOT_EXACT' : 'NOT_UNIQUE'
}

/** Whether the statement failed because this exact `_id` exists. Other unique indexes do not count. */
export function isTakenId(error: Document): boolean {
  return isOfId(error) && error['collation'] === undefined
}

function isOfId(error: Document): boolean {
  const pattern: unknown = error['keyPattern']
  return error['code'] === duplicateKey && typeof pattern === 'object' && pattern !== null && '_id' in pattern
}
