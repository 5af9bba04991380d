import { createHash } from 'node:crypto'
import { parseSourceId, type SourceId } from '@freshet/protocol'

/** Contains the identity of the source and the heartbeat of idle writers. Read by readers, never served to clients. */
export const controlCollection = 'freshet'

/** `_id` of the document whose `timeline` identifies the history. */
export const identityId = 'source'

/** Where writers record the cause of a write, in the write's transaction. Always empty outside of it. */
export const causesCollection = 'freshet_causes'

/** The database of messages that belongs to an application's database. */
export const messagesDatabase = (database: string): string => `${database}_messages`

/** The collections of the database of messages, beside its control collection. */
export const messageCollections = {
  messages: 'messages',
  conversations: 'conversations',
  memberships: 'memberships',
  cursors: 'cursors',
  revocations: 'revocations',
} as const

/** Freshet's own collections, which are not served. */
const own = /^freshet(_.*)?$/

/** A server allows 255 bytes for database name (at most 63) and collection name together. */
const MAX_BYTES = 190

/**
 * Why a collection cannot be served under its name, phrased as what is expected; `undefined` if it can. Capitals and
 * dots are allowed.
 * https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions
 */
export function storedNameFault(stored: string): string | undefined {
  if (own.test(stored)) return "a collection that is not Freshet's own"
  if (stored.startsWith('system.')) return "a collection that is not MongoDB's own"
  if (stored === '' || /[\0$]|^\.|\.$|\.\./.test(stored))
    return "a name without '$' or NUL, and with single dots only between other characters"
  return Buffer.byteLength(stored) > MAX_BYTES ? `a name of at most ${MAX_BYTES} bytes` : undefined
}

/** The relevant part of what `listCollections` returns for a collection. */
export interface CollectionDefinition {
  readonly type: string
  readonly options?: { readonly capped?: boolean; readonly collation?: { readonly locale?: string } }
}

/**
 * Why a collection cannot be followed exactly; `undefined` if it can or does not exist yet. Views and time series emit
 * no changes, capped collections lose documents without a change, and a collation makes different ids equal.
 */
export function reasonAgainst(definition: CollectionDefinition | undefined): string | undefined {
  if (definition === undefined) return undefined
  const { type, options } = definition
  if (type !== 'collection') return `expected a plain collection, got a ${type}`
  if (options?.capped === true) return 'expected a plain collection, got a capped one'
  const locale = options?.collation?.locale ?? 'simple'
  return locale === 'simple' ? undefined : `expected the simple collation, got '${locale}'`
}

/** Derives the source id from a history's name, its timeline: the first eight hex digits of its SHA-256. */
export function sourceIdOf(timeline: string): SourceId {
  const id = parseSourceId(createHash('sha256').update(timeline).digest('hex').slice(0, 8))
  if (id === undefined) throw new TypeError('expected a hash of at least eight hexadecimal digits')
  return id
}
