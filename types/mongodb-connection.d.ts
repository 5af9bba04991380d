/**
 * The driver's class for one socket. The package has no public types for it; these are the parts that the guard and the
 * writer use. The guard's canary verifies at every start that the driver still sends through it.
 */
declare module 'mongodb/lib/cmap/connection.js' {
  import type { Socket } from 'node:net'
  import type { Duplex } from 'node:stream'
  import type { ReadPreference, ServerDescription } from 'mongodb'

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
    /** Whole messages from the socket; paused while no command waits. */
    readonly messageStream: Duplex
    on(event: 'close', listener: () => void): this
    off(event: 'close', listener: () => void): this
    /** Closes the socket. */
    destroy(): void
    /** The only method that writes to a socket. */
    writeCommand(message: WireMessage, options: WriteOptions): Promise<void>
  }

  /** The connections to one server. */
  interface ConnectionPool {
    checkOut(options: {
      readonly timeoutContext: { readonly connectionCheckoutTimeout: null; csotEnabled(): boolean }
      readonly signal: AbortSignal
    }): Promise<Connection>
    /** A closed connection is discarded. */
    checkIn(connection: Connection): void
  }

  /** A server that the driver watches. */
  export interface Server {
    readonly description: ServerDescription
    readonly pool: ConnectionPool
  }

  /** The servers of a client. */
  export interface Topology {
    selectServer(
      selector: ReadPreference,
      options: {
        readonly operationName: string
        readonly serverSelectionTimeoutMS: number
        readonly signal: AbortSignal
      },
    ): Promise<Server>
  }
}

declare module 'mongodb/lib/cmap/commands.js' {
  import type { WireMessage } from 'mongodb/lib/cmap/connection.js'

  /** One command as a message. */
  export class OpMsgRequest implements WireMessage {
    /** @param command gets the field `$db`. */
    constructor(databaseName: string, command: Record<string, unknown>, options: object)
    readonly requestId: number
    readonly command: Record<string, unknown>
    readonly databaseName: string
    toBin(): Uint8Array[]
  }
}
