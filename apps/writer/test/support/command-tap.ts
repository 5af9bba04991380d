import { BSON, type Document } from 'mongodb'
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'

/** OP_MSG: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg */
const OP_MSG = 2013

/** The header of a message, and the flags of this type. */
const SECTIONS_AT = 20

/** A proxy in front of a server that records the commands sent to it, byte for byte. */
export class CommandTap implements AsyncDisposable {
  /** In the order in which they were sent. */
  readonly commands: Document[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((client) => this.#accept(client))
  readonly #targetPort: number

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  /** Opens a loopback port that forwards to `targetPort`. */
  static async open(targetPort: number): Promise<CommandTap> {
    const tap = new CommandTap(targetPort)
    await once(tap.#server.listen(0, '127.0.0.1'), 'listening')
    return tap
  }

  /** A connection string with one host, through this proxy. */
  uriThrough(uri: string): string {
    const { port } = this.#server.address() as AddressInfo
    const direct = uri.replace(/@[^/?]+/, `@127.0.0.1:${port}`).replace(/replicaSet=[^&]+/, '')
    return `${direct}&directConnection=true`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const server = createConnection({ port: this.#targetPort, host: '127.0.0.1' })
    let heard = Buffer.alloc(0)
    client.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      for (let end = lengthOf(heard); end <= heard.length; end = lengthOf(heard)) {
        this.#hear(heard.subarray(0, end))
        heard = heard.subarray(end)
      }
    })
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from)
      // An error is always followed by `close`, which ends the other side.
      from.on('error', () => undefined).once('close', () => to.destroy())
      from.pipe(to)
    }
  }

  #hear(message: Buffer): void {
    if (message.readInt32LE(12) !== OP_MSG) return
    // The driver puts the command first and its document sequences after it.
    if (message[SECTIONS_AT] !== 0) throw new Error('expected the command as the first section')
    const at = SECTIONS_AT + 1
    this.commands.push(BSON.deserialize(message.subarray(at, at + message.readInt32LE(at))))
  }
}

/** Length of the first message; larger than any message while unknown. */
function lengthOf(bytes: Buffer): number {
  return bytes.length < 4 ? Infinity : bytes.readInt32LE(0)
}
