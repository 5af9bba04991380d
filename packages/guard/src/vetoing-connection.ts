import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { WireMessage } from 'mongodb/lib/cmap/connection.js'
import type { AnsweringServers } from './answering-server.ts'
import { refusalOf } from './message-check.ts'
import type { Refusals } from './refusals.ts'

/**
 * A connection of the driver that sends nothing but reads: every message of the client (handshake, monitoring and
 * sessions too) passes `writeCommand`, is judged as bytes, and exactly the judged bytes are sent. It throws before the
 * socket is touched, so the connection stays usable. Unlike a listener on `commandStarted` it cannot be removed by
 * `removeAllListeners` on the client, the topology or the pool, and it costs no events.
 * @returns a class for the driver's option `connectionType`; one per client.
 */
export function vetoingConnection(
  databases: ReadonlySet<string>,
  refusals: Refusals,
  servers: AnsweringServers,
): typeof Connection {
  class VetoingConnection extends Connection {
    override command(...[ns, command, options, type]: Parameters<Connection['command']>): Promise<unknown> {
      if (options?.signal) servers.sent(options.signal, this.hello)
      return super.command(ns, command, options, type)
    }

    override async writeCommand(message: WireMessage, options: unknown): Promise<void> {
      const bytes = Buffer.concat(message.toBin())
      const refusal = refusalOf(bytes, databases)
      if (refusal) throw refusals.refuse(refusal)
      // Sent as judged: serializing a second time could give other bytes.
      message.toBin = () => [bytes]
      return super.writeCommand(message, options)
    }
  }
  Object.freeze(VetoingConnection.prototype)
  return VetoingConnection
}
