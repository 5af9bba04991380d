/**
 * The driver's own class for one socket. The package publishes no types for it; this is all that the guard and the
 * writer rely on. The guard's canary proves at every start that the driver still sends through it.
 */
declare module 'mongodb/lib/cmap/connection.js' {
  import type { Socket } from 'node:net'

  type Document = Record<string, unknown>

  /** One message before it is serialized. `toBin` may be called once: it moves parts of the command. */
  export interface WireMessage {
    toBin(): Uint8Array[]
    /** What the driver was asked to send; absent in the oldest kind of message, which only greets. */
    readonly command?: Document
    readonly databaseName?: string
  }

  /** The class of a reply: bytes that become an object when somebody wants one. */
  export type ResponseType = new (...args: unknown[]) => { toObject(options?: unknown): Document }

  /** How a message is to be sent. */
  export interface WriteOptions {
    /** `none`, or what the server and the address agreed on. */
    readonly agreedCompressor?: string
    /** Present where the caller gave a time limit for the whole operation. */
    readonly timeoutContext?: {
      csotEnabled(): boolean
      readonly minRoundTripTime?: number | null
      readonly remainingTimeMS: number
    }
  }

  export class Connection {
    constructor(stream: Socket, options: unknown)
    /** What the server said when this connection was opened. */
    readonly hello: Document | null
    /** One command and its reply: an object, or what makes one of its bytes. A connection does one at a time. */
    command(ns: unknown, command: Document, options?: unknown, responseType?: ResponseType): Promise<unknown>
    readonly socket: Socket
    /** The one place where the driver writes to a socket. */
    writeCommand(message: WireMessage, options: WriteOptions): Promise<void>
  }
}
