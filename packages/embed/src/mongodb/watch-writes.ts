/// <reference path="../../../../types/mongodb-connection.d.ts" />
import { currentCause, HandlerError } from '@freshet/handlers'
import { MongoClient, type Document } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { ResponseType, WireMessage, WriteOptions } from 'mongodb/lib/cmap/connection.js'
import { changedBy, writtenBy } from './written.ts'

/** Checks what handlers write before it is sent. Outside of handlers this costs one lookup. */
class WatchingConnection extends Connection {
  /** Called with the number of changes made by the command in flight. */
  #settle: ((changed: number) => void) | undefined

  override async writeCommand(message: WireMessage, options: WriteOptions): Promise<void> {
    const cause = currentCause()
    const { command, databaseName } = message
    const written = cause && command && writtenBy(command, databaseName ?? '', cause.database)
    this.#settle = written && cause?.judge(written)
    return super.writeCommand(message, options)
  }

  override async command(
    ns: unknown,
    command: Document,
    options?: unknown,
    responseType?: ResponseType,
  ): Promise<unknown> {
    const reply = await super.command(ns, command, options, responseType)
    const changed = this.#settle && changedBy(command, objectOf(reply))
    if (changed !== undefined) this.#settle?.(changed)
    this.#settle = undefined
    return reply
  }
}

/**
 * Makes a service's own client refuse writes that its handlers must not do: such a write rejects with HandlerError
 * UNDECLARED_WRITE, WRITE_LOOP or BREAKER_OPEN before it is sent. Call it before the client connects.
 * @returns the same client.
 * @throws {HandlerError} UNWATCHABLE
 */
export function watchWrites(client: MongoClient): MongoClient {
  if (!(client instanceof MongoClient))
    throw new HandlerError(
      'UNWATCHABLE',
      'expected a client of the driver that this package uses, mongodb 7.9',
    )
  if (Reflect.get(client, 'topology') !== undefined)
    throw new HandlerError('UNWATCHABLE', 'expected a client that has not connected yet')
  const options: unknown = Reflect.get(client, 'options')
  if (typeof options !== 'object' || options === null || Reflect.get(options, 'autoEncrypter') !== undefined)
    throw new HandlerError('UNWATCHABLE', 'expected a client without automatic encryption')
  const present: unknown = Reflect.get(options, 'connectionType')
  if (present !== undefined && present !== WatchingConnection)
    throw new HandlerError('UNWATCHABLE', 'expected a client whose connections no other code checks')
  Reflect.set(options, 'connectionType', WatchingConnection)
  return client
}

/** Most replies are bytes that decode themselves on demand. */
function objectOf(reply: unknown): unknown {
  const make: unknown =
    typeof reply === 'object' && reply !== null ? Reflect.get(reply, 'toObject') : undefined
  return typeof make === 'function' ? Reflect.apply(make, reply, []) : reply
}
