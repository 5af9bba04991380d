// R.9 fails without this file: a closed connection still runs commands.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import { withAnySignal } from '@freshet/kit'
import {
  BSON,
  type Document,
  MongoServerError,
  ReadPreference,
  type TopologyDescriptionChangedEvent,
} from 'mongodb'
import { OpMsgRequest } from 'mongodb/lib/cmap/commands.js'
import type { Connection, Server, Topology } from 'mongodb/lib/cmap/connection.js'
import type { PinnedConnection, PinnedRunOptions, PinOptions, ReadCommand } from './contract.ts'
import { makeCursorIdLong, withLongCursorIds } from './cursor-ids.ts'
import { GuardError } from './errors.ts'
import type { GuardedClient } from './guarded-client.ts'
import { serverMark } from './vetoing-connection.ts'

const rawBatches = { fieldsAsRaw: { firstBatch: true, nextBatch: true } }

/** Without a limit of its own: the pool has one for connecting, and the caller's signal ends the wait. */
const timeoutContext = { connectionCheckoutTimeout: null, csotEnabled: () => false }

interface Waiting {
  readonly requestId: number
  readonly resolve: (reply: Document) => void
  readonly reject: (error: unknown) => void
  readonly raw: boolean
}

export interface PinnedDriverConnectionParts {
  readonly guarded: GuardedClient
  readonly database: string
  /** @throws {GuardError} WRITE_REFUSED */
  readonly check: (command: ReadCommand) => void
}

/**
 * {@link PinnedConnection} over a connection that was taken out of the driver's pool. The driver has connected it, logged in,
 * and watches its server. Commands skip what the driver does around each one (selecting a server, sessions, retries, nested
 * generators), which costs more than the rest of following a feed.
 */
export class PinnedDriverConnection implements PinnedConnection {
  readonly #parts: PinnedDriverConnectionParts
  readonly #connection: Connection
  readonly #server: Server
  readonly #mark: object | undefined
  readonly #signal: AbortSignal
  #waiting: Waiting | undefined
  /** Runs on between commands, since starting a timer for each costs more than checking. */
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  /** The latest command and its message. */
  #serialized: { readonly command: ReadCommand; readonly message: Buffer } | undefined
  #requests = 0
  /** The beginning of a reply. */
  #chunks: Buffer[] = []
  #bytes = 0
  #ended: unknown

  private constructor(
    parts: PinnedDriverConnectionParts,
    connection: Connection,
    server: Server,
    signal: AbortSignal,
  ) {
    this.#parts = parts
    this.#connection = connection
    this.#server = server
    this.#mark = serverMark(connection.hello)
    this.#signal = signal
    // Its stream of messages would take as long for a reply as everything else.
    connection.socket.unpipe(connection.messageStream).on('data', this.#read).resume()
    connection.on('close', this.#onClose)
    parts.guarded.client.on('topologyDescriptionChanged', this.#onTopology)
    if (signal.aborted) this.#onAbort()
    // It may have stepped down while the pool connected.
    else if (!server.description.isWritable) this.#end(notPrimary())
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Takes a connection to the primary out of the pool of a verified client. */
  static async open(
    parts: PinnedDriverConnectionParts,
    { timeoutMs, signal }: PinOptions,
  ): Promise<PinnedDriverConnection> {
    signal.throwIfAborted()
    const withinMs = AbortSignal.timeout(timeoutMs)
    try {
      const { server, connection } = await withAnySignal([withinMs, signal], async (either) => {
        const options = { operationName: 'pin', serverSelectionTimeoutMS: timeoutMs, signal: either }
        const server = await topologyOf(parts.guarded).selectServer(ReadPreference.primary, options)
        return { server, connection: await server.pool.checkOut({ timeoutContext, signal: either }) }
      })
      const pinned = new PinnedDriverConnection(parts, connection, server, signal)
      if (pinned.#ended !== undefined) throw pinned.#ended
      return pinned
    } catch (error) {
      if (!withinMs.aborted || signal.aborted) throw error
      throw new GuardError('REPLY_TIMEOUT', `no connection within ${timeoutMs} ms`, { cause: error })
    }
  }

  async run(command: ReadCommand, options: PinnedRunOptions): Promise<Document> {
    const { guarded, check } = this.#parts
    check(command)
    if (guarded.fault) await guarded.verify()
    if (this.#waiting) throw new TypeError('expected one command at a time')
    const reply = Object.assign(await this.#exchange(command, options), this.#mark)
    await guarded.expectVerified(reply)
    return makeCursorIdLong(reply)
  }

  close(): void {
    this.#end(new GuardError('UNREACHABLE', 'this connection was closed'))
  }

  #exchange(command: ReadCommand, { raw, timeoutMs }: PinnedRunOptions): Promise<Document> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const message = this.#serialize(command)
      const requestId = message.readInt32LE(REQUEST_ID_AT)
      this.#waiting = { requestId, resolve, reject, raw: raw === 'batches' }
      this.#limit(timeoutMs)
      this.#connection
        .writeCommand({ toBin: () => [message] }, { agreedCompressor: 'none' })
        .catch((error: unknown) => this.#settle()?.reject(error))
    })
  }

  /** A command that is sent again only gets another id. */
  #serialize(command: ReadCommand): Buffer {
    if (this.#serialized?.command !== command) {
      const request = new OpMsgRequest(this.#parts.database, { ...withLongCursorIds(command) }, {})
      this.#serialized = { command, message: Buffer.concat(request.toBin()) }
    }
    const { message } = this.#serialized
    this.#requests = (this.#requests + 1) & 0x7fffffff
    message.writeInt32LE(this.#requests, REQUEST_ID_AT)
    return message
  }

  #limit(timeoutMs: number): void {
    if (this.#timer && this.#timerMs === timeoutMs) return void this.#timer.refresh()
    clearTimeout(this.#timer)
    this.#timerMs = timeoutMs
    this.#timer = setTimeout(() => {
      if (this.#waiting) this.#end(new GuardError('REPLY_TIMEOUT', `no reply within ${timeoutMs} ms`))
    }, timeoutMs)
  }

  readonly #read = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < FLAGS_AT) return
    let [first = chunk, second] = this.#chunks
    if (first.length < FLAGS_AT) this.#chunks = [(first = Buffer.concat(this.#chunks))]
    const length = first.readInt32LE(0)
    if (this.#bytes < length && length <= MAX_MESSAGE_BYTES) return
    const message = second === undefined ? first : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#bytes = 0
    this.#take(message)
  }

  #take(message: Buffer): void {
    const waiting = this.#settle()
    if (waiting === undefined) return this.#end(unreadable('one that nothing was sent for'))
    let reply: Document
    try {
      reply = BSON.deserialize(bodyOf(message, waiting.requestId), waiting.raw ? rawBatches : {})
    } catch (error) {
      waiting.reject(error)
      return this.#end(error)
    }
    if (reply['ok'] === 1) waiting.resolve(reply)
    else waiting.reject(new MongoServerError(reply))
  }

  /** Ends the wait, and returns who waited. */
  #settle(): Waiting | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }

  /** Closes the connection, which nothing can use any more, and rejects the command that waits. */
  #end(reason: unknown): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    clearTimeout(this.#timer)
    const { guarded } = this.#parts
    guarded.client.off('topologyDescriptionChanged', this.#onTopology)
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#connection.off('close', this.#onClose)
    this.#connection.destroy()
    this.#server.pool.checkIn(this.#connection)
    this.#settle()?.reject(reason)
  }

  readonly #onAbort = (): void => this.#end(this.#signal.reason)

  readonly #onClose = (): void => this.#end(new GuardError('UNREACHABLE', 'the server closed the connection'))

  /** A member that was the primary may lag behind the next one, so its replies prove nothing about the set any more. */
  readonly #onTopology = ({ newDescription }: TopologyDescriptionChangedEvent): void => {
    const server = newDescription.servers.get(this.#server.description.address)
    if (server?.isWritable) return
    this.#end(server?.type === 'Unknown' ? unreachable() : notPrimary())
  }
}

const unreachable = (): GuardError => new GuardError('UNREACHABLE', 'the server cannot be reached any more')

const notPrimary = (): GuardError => new GuardError('UNREACHABLE', 'the server is no longer the primary')

const unreadable = (got: string): GuardError =>
  new GuardError('UNREACHABLE', `expected one reply to each command, got ${got}`)

function topologyOf({ client }: GuardedClient): Topology {
  const topology: unknown = Reflect.get(client, 'topology')
  if (typeof topology === 'object' && topology !== null) return topology as Topology
  throw new GuardError('UNREACHABLE', 'the client is not connected')
}

// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const MAX_MESSAGE_BYTES = 48_000_000
const REQUEST_ID_AT = 4
const RESPONSE_TO_AT = 8
const OPCODE_AT = 12
const OP_MSG = 2013
const FLAGS_AT = 16
const HAS_CHECKSUM = 1
/** Those that may not be ignored. Further replies (`moreToCome`) are never asked for. */
const REQUIRED_FLAGS = 0xffff & ~HAS_CHECKSUM
const KIND_AT = FLAGS_AT + 4
const BODY_AT = KIND_AT + 1

/** The document of a message that is exactly one reply to this request. @throws {GuardError} UNREACHABLE */
function bodyOf(message: Buffer, requestId: number): Buffer {
  const length = message.readInt32LE(0)
  if (length !== message.length || length < BODY_AT + 5)
    throw unreadable(`a length of ${length} in ${message.length} bytes`)
  const responseTo = message.readInt32LE(RESPONSE_TO_AT)
  if (responseTo !== requestId) throw unreadable(`a reply to request ${responseTo} instead of ${requestId}`)
  const opcode = message.readInt32LE(OPCODE_AT)
  if (opcode !== OP_MSG) throw unreadable(`opcode ${opcode}`)
  const flags = message.readUInt32LE(FLAGS_AT)
  if ((flags & REQUIRED_FLAGS) !== 0) throw unreadable(`flags ${flags}`)
  const end = length - (flags & HAS_CHECKSUM ? 4 : 0)
  if (message[KIND_AT] !== 0 || BODY_AT + message.readInt32LE(BODY_AT) !== end)
    throw unreadable('other sections than one document')
  return message.subarray(BODY_AT, end)
}
