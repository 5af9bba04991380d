import type { DocumentCodec, StoredDocument } from '@freshet/documents'
import { formatSourcePosition, ProblemError, headers as names } from '@freshet/protocol'
import type { Id, Position, ProblemCode, RefusalOptions, SourceId } from '@freshet/protocol'
import type { SourceWatch } from '../source.ts'
import type { Acknowledged, Decide, DocumentStore } from '../store/contract.ts'
import { StoreError, type StoreErrorCode } from '../store/errors.ts'
import type { WriteLimit } from '../write-limit.ts'
import type { DocumentRequest } from '../write-request.ts'
import { ReplayedAnswer } from './idempotency.ts'

/** Dependencies of every operation. */
export interface OperationParts {
  readonly codec: DocumentCodec
  readonly store: DocumentStore
  readonly limit: Pick<WriteLimit, 'run' | 'heard'>
  readonly source: Pick<SourceWatch, 'source' | 'expect' | 'stillIs'>
  /** Largest body, in bytes. */
  readonly maxBodyBytes: number
}

/** The result of a store operation, and its position as a header value. */
export interface Placed<T> {
  readonly done: T
  readonly position: string
}

/**
 * Runs a store operation within the limit of concurrent writes and returns its position. The source must be known
 * before anything is sent and still the same after the acknowledgement.
 */
export async function placed<T extends Acknowledged>(
  { source, limit }: Pick<OperationParts, 'source' | 'limit'>,
  id: Id,
  work: () => Promise<T>,
): Promise<Placed<T>> {
  const expected: SourceId = source.source ?? (await source.expect())
  const placedAt = async (at: Position): Promise<string> => {
    if (!(await source.stillIs(expected)))
      throw new ProblemError('outcome-unknown', {
        id,
        detail: 'The database was replaced, or lost its source id, during the write.',
      })
    return formatSourcePosition(expected, at)
  }
  let done: T
  try {
    done = await limit.run(work)
  } catch (error) {
    if (error instanceof ReplayedAnswer) {
      limit.heard(false)
      throw error.placed(await placedAt(error.at))
    }
    const refusal = storeProblem(error, id)
    if (!(refusal instanceof ProblemError) || !(error instanceof StoreError) || error.at === undefined)
      throw refusal
    throw atPosition(refusal, await placedAt(error.at))
  }
  return { done, position: await placedAt(done.at) }
}

/** An error response that holds at a position. */
export function refusedAt(
  position: string,
  code: ProblemError['code'],
  options: RefusalOptions = {},
): ProblemError {
  return new ProblemError(code, { ...options, headers: { ...options.headers, [names.position]: position } })
}

/** The same error with the position at which it holds. */
function atPosition(refusal: ProblemError, position: string): ProblemError {
  const { code, options, headers, cause } = refusal
  return refusedAt(position, code, { ...options, headers, cause })
}

/** A value, or a refusal that is a fact about what was read. */
type Verdict<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'refused'; readonly refusal: ProblemError }

/**
 * Reads the stored version and writes what `decide` returns, atomically. If `decide` throws a `ProblemError`, it is
 * returned only once a majority has what it was based on, with that position.
 */
export async function readModifyWrite<T>(
  parts: OperationParts,
  { collection, id }: DocumentRequest,
  decide: Decide<T>,
): Promise<{ readonly value: T; readonly position: string }> {
  const read = await placed(parts, id, () =>
    parts.store.change<Verdict<T>>({ collection, id }, (stored) => {
      try {
        const { write, value } = decide(stored)
        return { write, value: { kind: 'done', value } }
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        return { write: 'keep', value: { kind: 'refused', refusal: error } }
      }
    }),
  )
  return settled(read)
}

/** Runs a decision. If it throws a `ProblemError`, that is its verdict, and it must not have written anything. */
export async function verdictOf<T>(
  decide: () => Promise<{ readonly value: T; readonly wrote: boolean }>,
): Promise<{ readonly value: Verdict<T>; readonly wrote: boolean }> {
  try {
    const { value, wrote } = await decide()
    return { value: { kind: 'done', value }, wrote }
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    return { value: { kind: 'refused', refusal: error }, wrote: false }
  }
}

/** The value of a verdict. @throws {ProblemError} the refusal, with its position. */
export function settled<T>({ done, position }: Placed<{ readonly value: Verdict<T> }>): {
  readonly value: T
  readonly position: string
} {
  if (done.value.kind === 'refused') throw atPosition(done.value.refusal, position)
  return { value: done.value.value, position }
}

/** @throws {ProblemError} precondition-failed, with the ETag of the stored version. */
export function expectPreconditions(
  { codec }: Pick<OperationParts, 'codec'>,
  { preconditions }: DocumentRequest,
  stored: StoredDocument | undefined,
): void {
  if (preconditions.none) return
  const etag = stored && codec.encode(stored).etag
  if (preconditions.hold(etag)) return
  throw new ProblemError('precondition-failed', etag === undefined ? {} : { headers: { etag } })
}

const problemOf = {
  UNREACHABLE: 'unavailable',
  CONFLICT: 'busy',
  CROWDED: 'overloaded',
  IN_PROGRESS: 'in-progress',
  UNCONFIRMED: 'unavailable',
  OUTCOME_UNKNOWN: 'outcome-unknown',
  NOT_UNIQUE: 'invalid-document',
  UNFIT: 'invalid-document',
  NOT_EXACT: 'collection-not-exact',
  REJECTED: 'internal',
} as const satisfies Record<StoreErrorCode, ProblemCode>

const details: Partial<Record<StoreErrorCode, string>> = {
  UNREACHABLE: 'The database has no reachable primary, or aborted the write. Nothing was written.',
  CROWDED:
    'Too many large documents are being read, or earlier inserts of the collection take long. Nothing was written.',
  UNCONFIRMED: 'No majority of the database confirmed what the decision was based on. Nothing was written.',
  OUTCOME_UNKNOWN: 'The write was sent to the database, but its reply was lost or came too late.',
  NOT_UNIQUE: 'Another document already has a value that must be unique in this collection.',
  UNFIT: 'A validation rule or an index of the database rejects this document.',
}

/**
 * Converts a store error into a problem; returns other errors unchanged. `id` is included when the outcome is unknown,
 * because the client may not know a generated id.
 */
function storeProblem(error: unknown, id: Id): unknown {
  if (!(error instanceof StoreError)) return error
  const { code } = error
  const detail = details[code]
  return new ProblemError(problemOf[code], {
    ...(detail !== undefined && { detail }),
    ...(code === 'OUTCOME_UNKNOWN' && { id }),
    cause: error,
  })
}
