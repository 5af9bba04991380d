import type { StoredDocument } from '@freshet/documents'
import { CAUSE_PREFIX, documentJson, documentTextOf } from '@freshet/postgres-rules'
import { formatLineage, type Lineage, type Position } from '@freshet/protocol'
import type { CollectionChecks } from '../collection-checks.ts'
import type { Acknowledged, Decide, DocumentPlace, Once, OnceKey, Outcome, WriteStore } from '../contract.ts'
import { StoreError } from '../errors.ts'
import { VersionTooLarge, type ReadBudget } from '../read-budget.ts'
import type { DatabaseConnection, Row, Session } from './connection.ts'
import { findAnswer, keepAnswer } from './stored-answers.ts'
import { statementsOf, type TableStatements } from './table-statements.ts'
import {
  confirmedPosition,
  positionAfter,
  type Statement,
  type Transactions,
  type Work,
} from './transactions.ts'

/** Dependencies of the store. */
export interface PostgresStoreOptions {
  readonly connection: Pick<DatabaseConnection, 'writing'>
  readonly transactions: Pick<Transactions, 'run'>
  readonly readBudget: Pick<ReadBudget, 'run'>
  readonly checks: Pick<CollectionChecks, 'around'>
}

/** One document being changed within a transaction. */
interface Changing {
  readonly place: DocumentPlace
  readonly cause: Lineage | undefined
  readonly statement: Statement
  /** Larger versions are not read. */
  readonly maxBytes: number
}

/** Stores documents in tables of documents. */
export class PostgresStore implements WriteStore {
  readonly #options: PostgresStoreOptions

  constructor(options: PostgresStoreOptions) {
    this.#options = options
  }

  insert(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'taken'>> {
    return this.#write(place, 'insert', document, async (session, [row]) =>
      row
        ? { outcome: 'created', wrote: true, at: await positionAfter(session) }
        : { outcome: 'taken', wrote: false, at: await confirmedPosition(session) },
    )
  }

  replace(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'created' | 'replaced'>> {
    return this.#write(place, 'upsert', document, async (session, [row]) => {
      // The same document is stored already: nothing changed.
      if (!row) return { outcome: 'replaced', wrote: false, at: await confirmedPosition(session) }
      return {
        outcome: row[0] === 't' ? 'created' : 'replaced',
        wrote: true,
        at: await positionAfter(session),
      }
    })
  }

  replacePlain(place: DocumentPlace, document: StoredDocument): Promise<Outcome<'replaced' | 'unsure'>> {
    return this.#write(place, 'replacePlain', document, async (session, [row]) => ({
      outcome: row ? 'replaced' : 'unsure',
      wrote: row !== undefined,
      // If it is not replaced, something else follows.
      at: await positionAfter(session, row ? 'commit' : 'transaction'),
    }))
  }

  remove(place: DocumentPlace): Promise<Outcome<'removed' | 'absent'>> {
    return this.#write(place, 'remove', undefined, async (session, [row]) =>
      row
        ? { outcome: 'removed', wrote: true, at: await positionAfter(session) }
        : { outcome: 'absent', wrote: false, at: await confirmedPosition(session) },
    )
  }

  change<T>(
    place: DocumentPlace,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: T }> {
    return this.#run(place, cause, (changing) => changed(changing, decide))
  }

  changeOnce<T>(
    place: DocumentPlace,
    { key, answerOf }: OnceKey,
    decide: Decide<T>,
    cause?: Lineage,
  ): Promise<Acknowledged & { readonly value: Once<T> }> {
    return this.#run<Once<T>>(place, cause, async (changing) => {
      const { statement } = changing
      const answer = await findAnswer(key, statement)
      if (answer) return { value: { kind: 'before', answer }, wrote: false }
      const { value, wrote } = await changed(changing, decide, (write, existed) =>
        keepAnswer(key, answerOf(write, existed), statement),
      )
      return { value: { kind: 'done', value }, wrote }
    })
  }

  /** One statement that commits by itself. */
  #write<T extends Acknowledged & { readonly outcome: string }>(
    place: DocumentPlace,
    name: keyof TableStatements,
    document: StoredDocument | undefined,
    outcomeOf: (session: Session, rows: readonly Row[]) => Promise<T>,
  ): Promise<T> {
    const { checks, connection } = this.#options
    const values = [place.id, ...(document === undefined ? [] : [storedText(place, document)])]
    return checks.around(place.collection, () =>
      connection.writing(async (session) => {
        const rows = await confirmingRefusals(session, () =>
          session.query('write', statementsOf(place.collection)[name], values),
        )
        return await outcomeOf(session, rows)
      }),
    )
  }

  #run<T>(
    place: DocumentPlace,
    cause: Lineage | undefined,
    work: (changing: Changing) => Promise<Work<T>>,
  ): Promise<Acknowledged & { readonly value: T }> {
    const { checks, readBudget, transactions, connection } = this.#options
    return checks.around(place.collection, async () => {
      try {
        return await readBudget.run((maxBytes) =>
          transactions.run((statement) => work({ place, cause, statement, maxBytes })),
        )
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'NOT_UNIQUE') throw error
        throw at(error, await connection.writing(confirmedPosition))
      }
    })
  }
}

/** Another document may not be durable yet when it is the reason of a refusal. */
async function confirmingRefusals<T>(session: Session, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'NOT_UNIQUE') throw error
    throw at(error, await confirmedPosition(session))
  }
}

const at = (error: StoreError, position: Position): StoreError =>
  new StoreError(error.code, 'another document has the value', { cause: error, at: position })

/** Reads the version, locks it, and writes what `decide` returns. `prepare` runs before the write. */
async function changed<T>(
  changing: Changing,
  decide: Decide<T>,
  prepare?: (write: StoredDocument | 'remove', existed: boolean) => Promise<void>,
): Promise<Work<T>> {
  const { place, cause, statement } = changing
  const stored = await read(changing)
  const { write, value } = decide(stored)
  if (write === 'keep') return { value, wrote: false }
  await prepare?.(write, stored !== undefined)
  // Replacing a document by the same bytes changes nothing, but the answer may have been stored.
  if (write !== 'remove' && stored !== undefined && Buffer.compare(write, stored) === 0)
    return { value, wrote: prepare !== undefined }
  if (cause !== undefined)
    await statement('select pg_logical_emit_message(true, $1::text, $2::text)', [
      CAUSE_PREFIX,
      formatLineage(cause),
    ])
  const { insert, update, remove } = statementsOf(place.collection)
  if (write === 'remove') await statement(remove, [place.id])
  else if (stored !== undefined) await statement(update, [place.id, storedText(place, write)])
  else {
    const [created] = await statement(insert, [place.id, storedText(place, write)])
    if (!created) throw new StoreError('CONFLICT', 'another transaction created the document')
  }
  return { value, wrote: true }
}

/** The document as the transaction sees it. @throws {VersionTooLarge} */
async function read({ place, statement, maxBytes }: Changing): Promise<StoredDocument | undefined> {
  const [row] = await statement(statementsOf(place.collection).readLocked, [place.id, maxBytes])
  if (row === undefined) return undefined
  const [bytes, text] = row
  if (typeof text !== 'string') throw new VersionTooLarge(Number(bytes))
  return Buffer.from(documentJson(place.id, text))
}

function storedText({ id }: DocumentPlace, document: StoredDocument): string {
  return documentTextOf(id, Buffer.from(document).toString('utf8'))
}
