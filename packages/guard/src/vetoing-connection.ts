// G3.5 fails without this file: a write is sent.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import type { Socket } from 'node:net'
import { MongoOperationTimeoutError } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { ResponseType, WireMessage, WriteOptions } from 'mongodb/lib/cmap/connection.js'
import { taggedResponseType } from './answering-server.ts'
import { checkMessage } from './message-check.ts'
import type { Refusals } from './refusals.ts'

/**
 * A driver connection that sends only reads. Every message of the client, including handshake, monitoring and sessions,
 * passes through `writeCommand`, is checked as bytes, and exactly those bytes are sent. It throws before the socket is
 * used, so the connection remains usable. Unlike a `commandStarted` listener, it cannot be removed by
 * `removeAllListeners`, and it costs no events.
 * @returns a class for the driver's option `connectionType`; one per client.
 */
export function vetoingConnection(databases: ReadonlySet<string>, refusals: Refusals): typeof Connection {
  class VetoingConnection extends Connection {
    readonly #marked = new Map<ResponseType, ResponseType>()

    constructor(socket: Socket, options: unknown) {
      super(socket, options)
      // An own, read-only property: otherwise one assignment could restore the driver's method.
      Object.defineProperty(this, 'writeCommand', { value: Reflect.get(this, 'writeCommand') })
    }

    override command(...[ns, command, options, type]: Parameters<Connection['command']>): Promise<unknown> {
      return super.command(ns, command, options, type && this.#markedType(type))
    }

    override async writeCommand(message: WireMessage, options: WriteOptions): Promise<void> {
      const bytes = privateBytes(message.toBin())
      const refusal = checkMessage(bytes, databases)
      if (refusal) throw refusals.refuse(refusal)
      throwIfLate(options)
      // Nothing is awaited or copied between check and socket; the driver's own method would do both.
      if (this.socket.write(bytes)) return
      // The socket is full: let the driver wait, with its own limits, by sending an empty message.
      await super.writeCommand({ toBin: () => [] }, { ...options, agreedCompressor: 'none' })
    }

    #markedType(type: ResponseType): ResponseType {
      const known = this.#marked.get(type)
      // The handshake reply identifies the process.
      if (known !== undefined || this.hello === null) return known ?? type
      const marked = taggedResponseType(this.hello, type)
      this.#marked.set(type, marked)
      return marked
    }
  }
  Object.freeze(VetoingConnection.prototype)
  return VetoingConnection
}

/**
 * The message in a buffer of its own. `Buffer.concat` may use the pool that Node.js shares among small buffers, where
 * any code could modify it after the check: https://nodejs.org/api/buffer.html#static-method-bufferallocunsafesize
 */
function privateBytes(parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Like the driver: does not send a command whose reply would come too late. */
function throwIfLate({ timeoutContext }: WriteOptions): void {
  if (!timeoutContext?.csotEnabled()) return
  const { minRoundTripTime, remainingTimeMS } = timeoutContext
  if (minRoundTripTime !== undefined && minRoundTripTime !== null && remainingTimeMS < minRoundTripTime)
    throw new MongoOperationTimeoutError('less time is left than a round trip to the server takes')
}
