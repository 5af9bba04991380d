// G3.5 fails without this file: a write leaves the process.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import type { Socket } from 'node:net'
import { MongoOperationTimeoutError } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { ResponseType, WireMessage, WriteOptions } from 'mongodb/lib/cmap/connection.js'
import { markedBy } from './answering-server.ts'
import { judgeMessage } from './message-check.ts'
import type { Refusals } from './refusals.ts'

/**
 * A connection of the driver that sends nothing but reads: every message of the client (handshake, monitoring and
 * sessions too) passes `writeCommand`, is judged as bytes, and exactly the judged bytes are sent. It throws before the
 * socket is touched, so the connection stays usable. Unlike a listener on `commandStarted` it cannot be removed by
 * `removeAllListeners` on the client, the topology or the pool, and it costs no events.
 * @returns a class for the driver's option `connectionType`; one per client.
 */
export function vetoingConnection(databases: ReadonlySet<string>, refusals: Refusals): typeof Connection {
  class VetoingConnection extends Connection {
    readonly #marked = new Map<ResponseType, ResponseType>()

    constructor(socket: Socket, options: unknown) {
      super(socket, options)
      // Each socket's own and not to be redefined: else a single assignment would give it the driver's method back.
      Object.defineProperty(this, 'writeCommand', { value: Reflect.get(this, 'writeCommand') })
    }

    override command(...[ns, command, options, type]: Parameters<Connection['command']>): Promise<unknown> {
      return super.command(ns, command, options, type && this.#markedType(type))
    }

    override async writeCommand(message: WireMessage, options: WriteOptions): Promise<void> {
      const bytes = privateBytes(message.toBin())
      const refusal = judgeMessage(bytes, databases)
      if (refusal) throw refusals.refuse(refusal)
      throwIfLate(options)
      // Nothing is awaited between judgement and socket, and nothing is copied: the driver's own method would do both.
      if (this.socket.write(bytes)) return
      // Where the socket is full the driver waits, with its own limits; this message has no bytes.
      await super.writeCommand({ toBin: () => [] }, { ...options, agreedCompressor: 'none' })
    }

    #markedType(type: ResponseType): ResponseType {
      const known = this.#marked.get(type)
      // The greeting says who it is.
      if (known !== undefined || this.hello === null) return known ?? type
      const marked = markedBy(this.hello, type)
      this.#marked.set(type, marked)
      return marked
    }
  }
  Object.freeze(VetoingConnection.prototype)
  return VetoingConnection
}

/**
 * The message in memory of its own. `Buffer.concat` would put a small one into memory that Node.js shares among all
 * buffers, where any code could change it after it was judged: https://nodejs.org/api/buffer.html#static-method-bufferallocunsafesize
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

/** As the driver does before it writes: a command whose answer would come too late is not sent. */
function throwIfLate({ timeoutContext }: WriteOptions): void {
  if (!timeoutContext?.csotEnabled()) return
  const { minRoundTripTime, remainingTimeMS } = timeoutContext
  if (minRoundTripTime !== undefined && minRoundTripTime !== null && remainingTimeMS < minRoundTripTime)
    throw new MongoOperationTimeoutError('less time is left than the way to the server and back takes')
}
