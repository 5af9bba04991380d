import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { BSON } from 'mongodb'
import type { Document } from 'mongodb'
import { uriThrough } from './uri-through.ts'

/** One command as sent to the server. */
export interface SeenCommand {
  readonly name: string
  readonly body: Document
}

const OP_MSG = 2013
const OP_QUERY = 2004

/**
 * A proxy that forwards everything and records each command that the driver sends. Some driver methods swallow errors, so
 * their promises prove nothing; the recorded commands do.
 */
export class WireRecorder implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #commands: SeenCommand[] = []

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((near) => {
      const far = connect(target)
      const reader = new MessageReader((message) => this.#commands.push(commandOf(message)))
      near.on('data', (bytes) => {
        reader.push(bytes)
        far.write(bytes)
      })
      far.on('data', (bytes) => near.write(bytes))
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
      }
    })
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<WireRecorder> {
    const recorder = new WireRecorder(target)
    recorder.#server.listen(0, '127.0.0.1')
    await once(recorder.#server, 'listening')
    return recorder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The same MongoDB connection string, through this proxy. */
  uriThrough(uri: string): string {
    return uriThrough(uri, this.port)
  }

  /** All recorded commands, in order of arrival. */
  get commands(): readonly SeenCommand[] {
    return this.#commands
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Splits a byte stream into messages by their length prefix. */
class MessageReader {
  readonly #onMessage: (message: Buffer) => void
  #rest: Buffer = Buffer.alloc(0)

  constructor(onMessage: (message: Buffer) => void) {
    this.#onMessage = onMessage
  }

  push(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    while (this.#rest.length >= 4 && this.#rest.length >= this.#rest.readInt32LE(0)) {
      const length = this.#rest.readInt32LE(0)
      this.#onMessage(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
    }
  }
}

function commandOf(message: Buffer): SeenCommand {
  const opcode = message.readInt32LE(12)
  if (opcode === OP_MSG) return commandAt(message, 21)
  if (opcode === OP_QUERY) return commandAt(message, message.indexOf(0, 20) + 9)
  return { name: `opcode ${opcode}`, body: {} }
}

function commandAt(message: Buffer, at: number): SeenCommand {
  const body = BSON.deserialize(message.subarray(at, at + message.readInt32LE(at)))
  return { name: Object.keys(body)[0] ?? '', body }
}
