// G3.5 fails without this file: every message is sent.
import { allowedCommands, databaseFreeCommands } from './allowed-commands.ts'
import { allowedNames } from './allowed-names.ts'
import { commandHead, findForbiddenName, findForeignDatabase } from './bson-keys.ts'
import type { Refusal } from './refusals.ts'

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
