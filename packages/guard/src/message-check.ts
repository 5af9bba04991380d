// G3.5 fails without this file: every message leaves the process.
import { allowedCommands, databaseFreeCommands } from './allowed-commands.ts'
import { allowedNames } from './allowed-names.ts'
import { commandHead, findForbiddenName, findForeignDatabase } from './bson-keys.ts'
import type { Refusal } from './refusals.ts'

// Layout of a message: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
const HEADER_BYTES = 16
const OPCODE_AT = 12
const OP_MSG = 2013
const OP_QUERY = 2004
/** "No answer wanted", which the driver says when it gives back sessions, and "you may stream greetings back". */
const ALLOWED_FLAGS = (1 << 1) | (1 << 16)
const BODY_KIND_AT = HEADER_BYTES + 4
const BODY_AT = BODY_KIND_AT + 1

/**
 * Judges the very bytes that are about to leave: one message, serialized and not yet compressed. Judging bytes and not
 * objects leaves nothing to getters, `toBSON`, maps or proxies that could answer differently the second time.
 * @returns what is wrong with it, or `undefined` for a read.
 */
export function judgeMessage(message: Buffer, databases: ReadonlySet<string>): Refusal | undefined {
  try {
    const body = bodyOf(message)
    return typeof body === 'string' ? { reason: 'message', what: body } : judgeBody(message, body, databases)
  } catch (error) {
    // The bytes are no BSON.
    if (error instanceof RangeError) return { reason: 'message', what: error.message }
    throw error
  }
}

function judgeBody(message: Buffer, body: Body, databases: ReadonlySet<string>): Refusal | undefined {
  const { name, database, inTransaction } = commandHead(message, body.at)
  if (!allowedCommands.has(name)) return { reason: 'command', what: name }
  // A read opens a transaction as well as a write does, and then nobody may end it: it would hold locks for a minute.
  if (inTransaction) return { reason: 'command', what: 'startTransaction' }
  if (body.greetingOnly && name !== 'ismaster' && name !== 'hello')
    return { reason: 'message', what: 'OP_QUERY' }
  if (!databaseFreeCommands.has(name) && !databases.has(database))
    return { reason: 'database', what: database }
  const forbidden = findForbiddenName(message, body.at, allowedNames)
  if (forbidden !== undefined) return { reason: 'name', what: forbidden }
  // Stages stand in this command alone; every other is spared the walk.
  const foreign = name === 'aggregate' ? findForeignDatabase(message, body.at, databases) : undefined
  return foreign === undefined ? undefined : { reason: 'database', what: foreign }
}

interface Body {
  readonly at: number
  /** The old message kind, which the driver needs for its first word to a server and for nothing else. */
  readonly greetingOnly: boolean
}

/** Where the command's document begins, or why this is no single command. */
function bodyOf(message: Buffer): Body | string {
  if (message.length < BODY_AT + 5) return 'too short'
  // The server cuts by this: more bytes would be another message.
  if (message.readInt32LE(0) !== message.length) return 'length'
  const opcode = message.readInt32LE(OPCODE_AT)
  const body: Body =
    opcode === OP_MSG
      ? { at: BODY_AT, greetingOnly: false }
      : { at: afterQueryHead(message), greetingOnly: true }
  if (opcode !== OP_MSG && opcode !== OP_QUERY) return `opcode ${opcode}`
  // A checksum behind the body, or a second section with documents, is no part of any read.
  if (opcode === OP_MSG && (message.readUInt32LE(HEADER_BYTES) & ~ALLOWED_FLAGS) !== 0) return 'flags'
  if (opcode === OP_MSG && message[BODY_KIND_AT] !== 0) return 'section'
  if (body.at + 4 > message.length || body.at + message.readInt32LE(body.at) !== message.length)
    return 'more than one section'
  return body
}

/** Behind the header of OP_QUERY: flags, a name, and two numbers. */
function afterQueryHead(message: Buffer): number {
  const nameEnd = message.indexOf(0, HEADER_BYTES + 4)
  return nameEnd < 0 ? message.length : nameEnd + 1 + 8
}
