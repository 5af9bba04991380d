import type { ProblemCode } from '@freshet/protocol'

/** An invalid collection file. The message names file and pointer, what was expected and what was found. */
export class CollectionFileError extends Error {
  override readonly name = 'CollectionFileError'
  /** `BAD_FILE`: fix the file. `UNREADABLE`: the folder or a file cannot be read. */
  readonly code: 'BAD_FILE' | 'UNREADABLE'

  constructor(code: 'BAD_FILE' | 'UNREADABLE', message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The problem codes for invalid bodies and patches. */
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

/** An invalid body. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly code: BodyErrorCode
  /** RFC 6901 pointer into the body; empty for the whole body. */
  readonly pointer: string
  /** What was expected and what was received, for the client. */
  readonly detail: string

  constructor(code: BodyErrorCode, pointer: string, detail: string) {
    super(`${code} at '${pointer}': ${detail}`)
    this.code = code
    this.pointer = pointer
    this.detail = detail
  }
}
