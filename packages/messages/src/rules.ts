import { ProblemError } from '@freshet/protocol'

/** Largest body of a message: its JSON text without white space between tokens, in bytes of UTF-8. */
export const MAX_BODY_BYTES = 16 * 1024

/** Deepest body of a message: objects and arrays within each other. */
export const MAX_BODY_LEVELS = 63

/** Most users that a message without a group may name. */
export const MAX_RECIPIENTS = 100

/** Longest name of a user, in UTF-16 code units. */
export const MAX_USER_LENGTH = 256

/** Longest `clientId`, in UTF-16 code units. */
export const MAX_CLIENT_ID_LENGTH = 128

/** Most conversations that one request may acknowledge. */
export const MAX_ACKS = 100

/** Most intervals of one membership. Each but the first needs a message between leaving and joining again. */
export const MAX_INTERVALS = 1_000

/** Paths that messages occupy, in the writer and in readers. A collection must not have one of these names. */
export const reservedNames = ['acks', 'conversations', 'groups', 'messages', 'revocations'] as const

/** The problem of these paths where messages are off; `undefined` for others. */
export function messagesOff(name: string): ProblemError | undefined {
  const names: readonly string[] = reservedNames
  return names.includes(name) ? new ProblemError('messages-off') : undefined
}

/** The first of these names that a collection has. */
export function occupiedName(collections: Iterable<string>): string | undefined {
  const names: ReadonlySet<string> = new Set(reservedNames)
  return [...collections].find((name) => names.has(name))
}
