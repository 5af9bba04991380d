// G3.2, G3.5 and R.7 fail without this file: a write is sent, and it is unknown which process answered.
/// <reference path="../../../types/mongodb-connection.d.ts" />
import type { Socket } from 'node:net'
import { type Document, MongoOperationTimeoutError, ObjectId } from 'mongodb'
import {
  Connection,
  type ResponseType,
  type WireMessage,
  type WriteOptions,
} from 'mongodb/lib/cmap/connection.js'
import type { Refusal, Refusals } from './refusals.ts'
import { allowedCommands, databaseFreeCommands } from './allowed-commands.ts'
import { allowedNames } from './allowed-names.ts'
import { BsonCursor, bsonTypes } from '@freshet/bson'

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

/** The key under which a reply records its server process; preserved when a reply is copied. */
const server = Symbol('server')

/**
 * The server process that sent a reply of `ReadConnection.run`: 24 hex digits that a server generates at startup
 * (`topologyVersion.processId` of https://www.mongodb.com/docs/manual/reference/command/hello/). A process has one
 * history; the processes behind one address may have different ones.
 */
export function serverOf(reply: Document): string | undefined {
  const id: unknown = Reflect.get(reply, server)
  return typeof id === 'string' ? id : undefined
}

/**
 * What a reply of a server records of its process; `undefined` if the server has not identified itself.
 * @param hello the server's handshake reply.
 */
export function serverMark(hello: Document | null): object | undefined {
  const id: unknown = hello?.['topologyVersion']?.processId
  return id instanceof ObjectId ? { [server]: id.toHexString() } : undefined
}

/**
 * A subclass of the driver's response type whose objects record the sending process.
 * @param hello the server's handshake reply.
 */
function taggedResponseType(hello: Document | null, type: ResponseType): ResponseType {
  const mark = serverMark(hello)
  if (mark === undefined) return type
  return class MarkedResponse extends type {
    override toObject(options?: unknown): Document {
      return Object.assign(super.toObject(options), mark)
    }
  }
}

// Layout of a message: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const HEADER_BYTES = 16
const OPCODE_AT = 12
const OP_MSG = 2013
const OP_QUERY = 2004
/** `moreToCome` (no reply wanted), which the driver sets when it ends sessions, and `exhaustAllowed`. */
const ALLOWED_FLAGS = (1 << 1) | (1 << 16)
const BODY_KIND_AT = HEADER_BYTES + 4
const BODY_AT = BODY_KIND_AT + 1

/**
 * Checks the exact bytes about to be sent: one message, serialized and not yet compressed. Getters, `toBSON`, maps and
 * proxies cannot change bytes between check and send.
 * @returns what is wrong with the message, or `undefined` for a read.
 */
export function checkMessage(message: Buffer, databases: ReadonlySet<string>): Refusal | undefined {
  try {
    const body = bodyOf(message)
    return typeof body === 'string' ? { reason: 'message', what: body } : judgeBody(message, body, databases)
  } catch (error) {
    // Not BSON.
    if (error instanceof RangeError) return { reason: 'message', what: error.message }
    throw error
  }
}

function judgeBody(message: Buffer, body: Body, databases: ReadonlySet<string>): Refusal | undefined {
  const { name, database, inTransaction } = commandHead(message, body.at)
  if (!allowedCommands.has(name)) return { reason: 'command', what: name }
  // A read starts a transaction just like a write, and then cannot end it: its locks would last a minute.
  if (inTransaction) return { reason: 'command', what: 'startTransaction' }
  if (body.greetingOnly && name !== 'ismaster' && name !== 'hello')
    return { reason: 'message', what: 'OP_QUERY' }
  if (!databaseFreeCommands.has(name) && !databases.has(database))
    return { reason: 'database', what: database }
  const forbidden = findForbiddenName(message, body.at, allowedNames)
  if (forbidden !== undefined) return { reason: 'name', what: forbidden }
  // Only this command contains stages; others skip the scan.
  const foreign = name === 'aggregate' ? findForeignDatabase(message, body.at, databases) : undefined
  return foreign === undefined ? undefined : { reason: 'database', what: foreign }
}

interface Body {
  readonly at: number
  /** The legacy message type, which the driver needs only for the first handshake. */
  readonly greetingOnly: boolean
}

/** Start of the command's document, or why the message is not a single command. */
function bodyOf(message: Buffer): Body | string {
  if (message.length < BODY_AT + 5) return 'too short'
  // The server splits by this length: further bytes would be another message.
  if (message.readInt32LE(0) !== message.length) return 'length'
  const opcode = message.readInt32LE(OPCODE_AT)
  const body: Body =
    opcode === OP_MSG
      ? { at: BODY_AT, greetingOnly: false }
      : { at: afterQueryHead(message), greetingOnly: true }
  if (opcode !== OP_MSG && opcode !== OP_QUERY) return `opcode ${opcode}`
  // No read has a checksum after the body or a second section with documents.
  if (opcode === OP_MSG && (message.readUInt32LE(HEADER_BYTES) & ~ALLOWED_FLAGS) !== 0) return 'flags'
  if (opcode === OP_MSG && message[BODY_KIND_AT] !== 0) return 'section'
  if (body.at + 4 > message.length || body.at + message.readInt32LE(body.at) !== message.length)
    return 'more than one section'
  return body
}

/** OP_QUERY's header is followed by flags, a name and two numbers. */
function afterQueryHead(message: Buffer): number {
  const nameEnd = message.indexOf(0, HEADER_BYTES + 4)
  return nameEnd < 0 ? message.length : nameEnd + 1 + 8
}

// The rest inspects the keys of a serialized command without decoding it. Anything that cannot be parsed throws a
// RangeError: a command that this process has just serialized is never malformed.

const DOLLAR = 0x24
const DATABASE = Buffer.from('$db')
const AUTOCOMMIT = Buffer.from('autocommit')

/** Properties of a command's top level. */
interface CommandHead {
  /** The first key, which the server takes for the command's name; empty if there is none. */
  readonly name: string
  /** The string under `$db`; empty if there is none. */
  readonly database: string
  /** Whether the command is part of a transaction (it has `autocommit`). */
  readonly inTransaction: boolean
}

/** Reads the head of the command at `start` in one pass over its top level. @throws {RangeError} */
function commandHead(bytes: Buffer, start: number): CommandHead {
  let name: string | undefined
  let database = ''
  let inTransaction = false
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    name ??= nameAt(bytes, cursor)
    if (cursor.isNamed(DATABASE)) database = textAt(bytes, cursor)
    else if (cursor.isNamed(AUTOCOMMIT)) inTransaction = true
  }
  cursor.expectComplete()
  return { name: name ?? '', database, inTransaction }
}

/**
 * Finds a `$`-prefixed key that is not in `allowed`, anywhere in the document at `start`. Values of JavaScript type are
 * returned as `code`: no read needs them. @throws {RangeError}
 */
export function findForbiddenName(
  bytes: Buffer,
  start: number,
  allowed: ReadonlySet<string>,
): string | undefined {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const { type } = cursor
    if (bytes[cursor.nameAt] === DOLLAR) {
      const name = nameAt(bytes, cursor)
      if (!allowed.has(name)) return name
    }
    if (type === bsonTypes.code || type === bsonTypes.codeWithScope) return 'code'
    if (isContainer(type)) {
      const inner = findForbiddenName(bytes, cursor.valueAt, allowed)
      if (inner !== undefined) return inner
    }
  }
  cursor.expectComplete()
  return undefined
}

/** Stages that may read from another database, and the fields in which they name a collection by a document. */
const joins: ReadonlySet<string> = new Set(['$graphLookup', '$lookup', '$unionWith'])
const places: ReadonlySet<string> = new Set(['coll', 'from', 'into'])

/**
 * Finds a stage that names a database not in `databases` (`from: { db, coll }`), anywhere in the document at `start`.
 * Returns the name; empty if it is not a string. @throws {RangeError}
 * @param ofJoin whether the document is the argument of such a stage or names its collection.
 */
function findForeignDatabase(
  bytes: Buffer,
  start: number,
  databases: ReadonlySet<string>,
  ofJoin = false,
): string | undefined {
  const cursor = new BsonCursor(bytes, start)
  while (cursor.next()) {
    const key = nameAt(bytes, cursor)
    if (ofJoin && key === 'db') {
      const database = textAt(bytes, cursor)
      if (!databases.has(database)) return database
    }
    if (isContainer(cursor.type)) {
      const joining = joins.has(key) || (ofJoin && places.has(key))
      const inner = findForeignDatabase(bytes, cursor.valueAt, databases, joining)
      if (inner !== undefined) return inner
    }
  }
  cursor.expectComplete()
  return undefined
}

function isContainer(type: number): boolean {
  return type === bsonTypes.document || type === bsonTypes.array
}

function nameAt(bytes: Buffer, cursor: BsonCursor): string {
  return bytes.toString('utf8', cursor.nameAt, cursor.nameEnd)
}

/** The content of a string element; empty for other types. */
function textAt(bytes: Buffer, cursor: BsonCursor): string {
  return cursor.type === bsonTypes.string ? bytes.toString('utf8', cursor.valueAt + 4, cursor.end - 1) : ''
}
