import { isId, ProblemError } from '@freshet/protocol'
import { createHash } from 'node:crypto'
import type { Recipients } from './contract.ts'
import { MAX_USER_LENGTH } from './rules.ts'

/** Names of users come from tokens and may contain any character. Control characters would end up in logs. */
const controlCharacter = /\p{Cc}/u
/** With the `u` flag, a pair of surrogates is one character. */
const loneSurrogate = /\p{Surrogate}/u
/** The form of a hash, and so of the id of a direct conversation. */
const hashForm = /^[\w-]{43}$/

/**
 * An id made of several parts: base64url(SHA-256) of the parts, each after its length in bytes, so that `a`, `b:c` and
 * `a:b`, `c` have different ids. 43 characters.
 */
export function compositeId(...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('base64url')
}

/** Whether a text can be the name of a user: 1 to 256 UTF-16 code units of well-formed text, no control characters. */
export function isUser(text: string): boolean {
  const { length } = text
  if (length === 0 || length > MAX_USER_LENGTH) return false
  return !controlCharacter.test(text) && !loneSurrogate.test(text)
}

/** The user whom a token names. @throws {ProblemError} forbidden: its `sub` cannot be the name of a user. */
export function userOf({ sub }: { readonly sub: string }): string {
  if (isUser(sub)) return sub
  throw new ProblemError('forbidden', {
    detail: `Expected a claim "sub" of at most ${MAX_USER_LENGTH} characters, none of them control characters.`,
  })
}

/** Whether a text can be the id of a group: an id that cannot be that of a direct conversation. */
export function isGroupId(text: string): boolean {
  return isId(text) && !hashForm.test(text)
}

/** The members of a direct conversation, its sender included: sorted by UTF-16 code units, each once. */
export function membersOf(from: string, to: Exclude<Recipients, { group: string }>): readonly string[] {
  return [...new Set([from, ...('user' in to ? [to.user] : to.users)])].toSorted()
}

/** The id of the conversation of a group (its own id), or of these members, as {@link membersOf} returns them. */
export function conversationId(of: { readonly group: string } | readonly string[]): string {
  return 'group' in of ? of.group : compositeId(...of)
}

/** The id of a membership. */
export function membershipId(group: string, user: string): string {
  return compositeId(group, user)
}

/** The id of a read cursor. */
export function cursorId(conv: string, user: string): string {
  return compositeId(conv, user)
}

/** The id of a revocation. The name of a user may contain what ids of documents must not. */
export function revocationId(sub: string): string {
  return compositeId(sub)
}
