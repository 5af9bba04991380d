import type { ProblemCode } from '@freshet/protocol'

/** A collection file that cannot be used; the message names file and place, what was found and what is wanted. */
export class CollectionFileError extends Error {
  override readonly name = 'CollectionFileError'
  /** `BAD_FILE`: correct the file; `UNREADABLE`: the folder or a file cannot be read. */
  readonly code: 'BAD_FILE' | 'UNREADABLE'

  constructor(code: 'BAD_FILE' | 'UNREADABLE', message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What can be wrong with the bytes of a body or a patch, in the words of the problems that clients get. */
export type BodyErrorCode = Extract<
  ProblemCode,
  | 'malformed-body'
  | 'duplicate-key'
  | 'inexact-number'
  | 'forbidden-name'
  | 'bad-text'
  | 'bad-patch'
  | 'not-plain-json'
  | 'id-mismatch'
  | 'bad-id'
  | 'payload-too-large'
>

/** A body that cannot be taken. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly code: BodyErrorCode
  /** RFC 6901, into the body; empty for the whole. */
  readonly pointer: string
  /** What was expected and what came, for the client. */
  readonly detail: string

  constructor(code: BodyErrorCode, pointer: string, detail: string) {
    super(`${code} at '${pointer}': ${detail}`)
    this.code = code
    this.pointer = pointer
    this.detail = detail
  }
}
