/**
 * The driver's class for one socket. The package has no public types for it; these are the parts that the guard and the
 * writer use. The guard's canary verifies at every start that the driver still sends through it.
 */
declare module 'mongodb/lib/cmap/connection.js' {
  import type { Socket } from 'node:net'

  type Document = Record<string, unknown>

  /** A message before serialization. `toBin` may be called once: it moves parts of the command. */
  export interface WireMessage {
    toBin(): Uint8Array[]
    /** The command to send; absent in the oldest message type, which is only used for the handshake. */
    readonly command?: Document
    readonly databaseName?: string
  }

  /** The class of a reply: bytes that are decoded on demand. */
  export type ResponseType = new (...args: unknown[]) => { toObject(options?: unknown): Document }

  /** Options for sending a message. */
  export interface WriteOptions {
    /** `none`, or the compressor negotiated with the server. */
    readonly agreedCompressor?: string
    /** Set if the caller limited the time of the whole operation. */
    readonly timeoutContext?: {
      csotEnabled(): boolean
      readonly minRoundTripTime?: number | null
      readonly remainingTimeMS: number
    }
  }

  export class Connection {
    constructor(stream: Socket, options: unknown)
    /** The server's handshake reply on this connection. */
    readonly hello: Document | null
    /**
     * Sends one command and resolves with its reply, as an object or as bytes that are decoded on demand. A connection
     * runs one command at a time.
     */
    command(ns: unknown, command: Document, options?: unknown, responseType?: ResponseType): Promise<unknown>
    readonly socket: Socket
    /** The only method that writes to a socket. */
    writeCommand(message: WireMessage, options: WriteOptions): Promise<void>
  }
}
