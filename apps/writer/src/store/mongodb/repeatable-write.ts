import { Long, type ClientSession, type Document, type MongoClient } from 'mongodb'
import { databaseOf } from './connection.ts'

/**
 * A write whose statements may be sent again, alone or together. The server remembers the statements that it has executed, by
 * their numbers, and does not execute them again:
 * https://github.com/mongodb/specifications/blob/master/source/retryable-writes/retryable-writes.md
 * The driver does this for its own helpers only, not for raw commands. It costs the server: with 16 documents a command, it stored
 * about a tenth less per second.
 */
export class RepeatableWrite implements AsyncDisposable {
  readonly #client: MongoClient
  readonly #database: string
  readonly #session: ClientSession
  readonly #txnNumber: Long
  readonly #writeConcern: Document

  constructor(client: MongoClient, database: string, writeConcern: Document) {
    this.#client = client
    this.#database = database
    this.#writeConcern = writeConcern
    this.#session = client.startSession()
    const { serverSession } = this.#session
    serverSession.txnNumber += 1
    this.#txnNumber = Long.fromNumber(serverSession.txnNumber)
  }

  /** One command at a time. Rejects with errors of the driver. @param stmtIds the numbers of the command's statements */
  run(command: Document, stmtIds: readonly number[]): Promise<Document> {
    const { writeConcern = this.#writeConcern } = command
    return databaseOf(this.#client, this.#database).command(
      { ...command, writeConcern, stmtIds, txnNumber: this.#txnNumber },
      { session: this.#session },
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#session.endSession()
  }
}
