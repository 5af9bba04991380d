/**
 * The driver's own class for one socket. The package publishes no types for it; this is all that the guard relies on.
 * The canary proves at every start that the driver still sends through it.
 */
declare module 'mongodb/lib/cmap/connection.js' {
  import type { Document } from 'mongodb'

  /** One message before it is serialized. `toBin` may be called once: it moves parts of the command. */
  export interface WireMessage {
    toBin(): Uint8Array[]
    /** What the driver was asked to send; absent in the oldest kind of message, which only greets. */
    readonly command?: Document
    readonly databaseName?: string
  }

  export interface CommandOptions {
    readonly signal?: AbortSignal
  }

  export class Connection {
    constructor(stream: unknown, options: unknown)
    /** What the server said when this connection was opened. */
    readonly hello: Document | null
    /** The one place where the driver writes to a socket. */
    writeCommand(message: WireMessage, options: unknown): Promise<void>
    /** One command and its reply: an object, or what makes one of its bytes. A connection does one at a time. */
    command(
      ns: unknown,
      command: Document,
      options?: CommandOptions,
      responseType?: unknown,
    ): Promise<unknown>
  }
}
