import { parseItem } from 'structured-headers'

/** Names of significant headers, in lower case as in node:http. */
export const headers = {
  /** On responses that state a fact about data: `<source>.<position>`. */
  position: 'freshet-position',
  /** On a read: respond from a state at or after this position, or `now`. */
  atLeast: 'freshet-at-least',
  /** On a write: repeating the same request with the same key returns the stored response. */
  idempotencyKey: 'idempotency-key',
  /** On a response stored by an earlier request with the same key. */
  idempotencyReplayed: 'idempotency-replayed',
  /** On a write caused by a change: the number of handlers so far, including the current one. */
  hops: 'freshet-hops',
  /** On such a write: the handlers and the changes they received; see `formatLineage`. */
  cause: 'freshet-cause',
  /** RFC 9211: how the cache was involved. */
  cacheStatus: 'cache-status',
  prefer: 'prefer',
  preferenceApplied: 'preference-applied',
} as const

/** An entity tag in a header, including quotes. */
interface EntityTag {
  readonly weak: boolean
  readonly tag: string
}

/** The value of `If-Match` or `If-None-Match` (RFC 9110, 13.1): any version, or one of these. */
export type Condition = { readonly any: true } | { readonly any: false; readonly tags: readonly EntityTag[] }

const listedTag = /\s*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*)?(?:,|$)/y

/** Parses the header; `undefined` if malformed. Empty list elements are allowed (RFC 9110, 5.6.1). */
export function readCondition(header: string): Condition | undefined {
  if (header.trim() === '*') return { any: true }
  const tags: EntityTag[] = []
  listedTag.lastIndex = 0
  while (listedTag.lastIndex < header.length) {
    const match = listedTag.exec(header)
    if (!match) return undefined
    if (match[2] !== undefined) tags.push({ weak: match[1] !== undefined, tag: match[2] })
  }
  return tags.length > 0 ? { any: false, tags } : undefined
}

/** `If-Match`: whether the condition holds for the stored version; `undefined` means that there is none. */
export function matchesStrong(condition: Condition, etag: string | undefined): boolean {
  if (etag === undefined) return false
  return condition.any || condition.tags.some(({ weak, tag }) => !weak && tag === etag)
}

/** `If-None-Match`: whether the version is listed, so that the condition is false (304 or 412). */
export function matchesWeak(condition: Condition, etag: string | undefined): boolean {
  if (etag === undefined) return false
  return condition.any || condition.tags.some(({ tag }) => tag === etag)
}

/** A client's preferences in `Prefer` (RFC 7240). Unknown and malformed ones are ignored, as the RFC requires. */
export interface Preferences {
  /** Whole seconds to wait for a state, at most {@link MAX_WAIT_S}; `undefined` if absent. */
  readonly waitS: number | undefined
  /** `return=minimal`: no body in the response to a write. */
  readonly minimal: boolean
  /** `handling=lenient`: values that JSON cannot carry may be replaced. */
  readonly lenient: boolean
}

/** The longest wait that a client can request, in seconds. */
export const MAX_WAIT_S = 30

const noPreferences: Preferences = { waitS: undefined, minimal: false, lenient: false }

/** Parses the header. Of duplicate preferences, the first counts. */
export function readPrefer(header: string | undefined): Preferences {
  if (header === undefined) return noPreferences
  const given = new Map<string, string>()
  for (const part of header.split(',')) {
    // Parameters after `;` belong to a preference; ours have none.
    const [name = '', value = ''] = (part.split(';', 1)[0] ?? '').split('=', 2)
    const key = name.trim().toLowerCase()
    if (!given.has(key))
      given.set(
        key,
        value
          .trim()
          .replace(/^"(.*)"$/, '$1')
          .toLowerCase(),
      )
  }
  const wait = given.get('wait')
  return {
    waitS: wait !== undefined && /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), MAX_WAIT_S) : undefined,
    minimal: given.get('return') === 'minimal',
    lenient: given.get('handling') === 'lenient',
  }
}

/** Maximum length of a key, in characters. */
export const MAX_KEY_LENGTH = 255

/** Visible characters without quotes. A comma would mean two combined headers (RFC 9110, 5.3). */
const bareKey = /^[\x21\x23-\x2b\x2d-\x7e]+$/

/**
 * Parses `Idempotency-Key`: a quoted string as in draft-ietf-httpapi-idempotency-key-header (2.1), or the same without
 * quotes, as most clients send it. Both are the same key. `undefined` if invalid, or if its length is not 1 to {@link
 * MAX_KEY_LENGTH}.
 */
export function readIdempotencyKey(header: string): string | undefined {
  const key = bareKey.test(header) ? header : quotedKey(header)
  return key !== undefined && key.length >= 1 && key.length <= MAX_KEY_LENGTH ? key : undefined
}

function quotedKey(header: string): string | undefined {
  try {
    const [key] = parseItem(header)
    return typeof key === 'string' ? key : undefined
  } catch {
    // The library throws if the header is not an item; the caller reports what is expected.
    return undefined
  }
}
