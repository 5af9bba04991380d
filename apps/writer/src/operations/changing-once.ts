import type { Collection } from '@freshet/documents'
import type { Lineage, Position } from '@freshet/protocol'
import { idFromDocument } from '@freshet/bson'
import type { OnceRequest } from '../once.ts'
import type { KeptAnswer, StoredDocument, WriteStore } from '../store/contract.ts'
import type { Change } from './read-modify-write-store.ts'
import { documentPath, versionOf } from './documents.ts'

/** The same caller sent the key before, and was answered: nothing was done now. */
export class DoneBefore extends Error {
  override readonly name = 'DoneBefore'
  readonly answer: KeptAnswer
  /** Where a majority has that answer. */
  readonly at: Position

  constructor(answer: KeptAnswer, at: Position) {
    super('the key was used before')
    this.answer = answer
    this.at = at
  }
}

/** What a write that is done once is told. */
export interface OnceWrite {
  readonly once: OnceRequest
  readonly collection: Collection
  /** The client wants no document in the answer, so none is kept. */
  readonly minimal: boolean
  readonly cause: Lineage | undefined
}

/** Changes documents once for a key, and keeps what is answered. What it gives rejects with {@link DoneBefore} too. */
export function changingOnce(store: Pick<WriteStore, 'changeOnce'>, write: OnceWrite): Change {
  return async (collection, id, decide) => {
    const { value, ...acknowledged } = await store.changeOnce(
      collection,
      id,
      write.once.key,
      (stored) => {
        const decision = decide(stored)
        if (decision.write === 'keep') return { write: 'keep', value: decision.value }
        return { ...decision, answer: answerOf(write, stored !== undefined, decision.write) }
      },
      write.cause,
    )
    if (value.kind === 'before') throw new DoneBefore(value.answer, acknowledged.at)
    return { ...acknowledged, value: value.value }
  }
}

/** What every operation answers follows from what was there and what is written. */
function answerOf(
  { once, collection, minimal }: OnceWrite,
  existed: boolean,
  write: StoredDocument | 'remove',
): KeptAnswer {
  const { digest: request } = once
  if (write === 'remove')
    return { request, status: 204, etag: undefined, location: undefined, json: undefined }
  const { etag, json } = versionOf(write)
  const id = existed ? undefined : idFromDocument(collection.idType, write)
  return {
    request,
    status: existed ? 200 : 201,
    etag,
    location: id === undefined ? undefined : documentPath(collection.name, id),
    json: minimal ? undefined : json,
  }
}
