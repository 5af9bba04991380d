import { ChangeStreamError, type SourceReply, type SourceReads } from '@freshet/change-stream'
import { lowOf, type Bytes, type Id, type Position } from '@freshet/protocol'
import type { History } from './history.ts'

/** A sent read, waiting for its reply or failure. */
interface Pending {
  readonly reply: () => void
  readonly fail: (error: Error) => void
}

/** Reads of a {@link History} whose replies the test triggers. */
export class ScriptedReads implements SourceReads {
  history: History
  readonly pending: Pending[] = []
  /** The document reads sent so far. */
  sent = 0
  /** Why a collection is refused. */
  readonly reasons = new Map<string, string>()

  constructor(history: History) {
    this.history = history
  }

  read(
    position: Position,
    collection: string,
    ids: readonly Id[],
    signal: AbortSignal,
  ): Promise<SourceReply> {
    this.sent += 1
    const { history } = this
    return this.#later(signal, () => this.answer(history, position, collection, ids))
  }

  head(signal: AbortSignal): Promise<Position> {
    const { position } = this.history
    return this.#later(signal, () => position)
  }

  check(
    collections: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string | undefined>> {
    return this.#later(signal, () => new Map(collections.map((name) => [name, this.reasons.get(name)])))
  }

  /** The database's reply; overridden by broken variants. */
  answer(history: History, position: Position, collection: string, ids: readonly Id[]): SourceReply {
    const n = lowOf(position)
    if (n > history.now) throw new ChangeStreamError('POSITION_UNAVAILABLE', 'by the test')
    if (history.wasMissing(collection, n))
      return { kind: 'fenced', documents: new Map(), until: history.position }
    return { kind: 'exact', documents: this.documents(history, n, collection, ids) }
  }

  documents(history: History, n: number, collection: string, ids: readonly Id[]): ReadonlyMap<Id, Bytes> {
    const documents = new Map<Id, Bytes>()
    for (const id of ids) {
      const content = history.at(`${collection}/${id}`, n)
      if (content !== undefined) documents.set(id, Buffer.from(content))
    }
    return documents
  }

  #later<T>(signal: AbortSignal, answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        reply: () => {
          try {
            resolve(answer())
          } catch (error) {
            reject(error)
          }
        },
        fail: reject,
      }
      this.pending.push(pending)
      signal.addEventListener('abort', () => reject(new ChangeStreamError('DISCONNECTED', 'by the test')), {
        once: true,
      })
    })
  }
}
