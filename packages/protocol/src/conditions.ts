/** An entity tag in a header, including quotes. */
interface EntityTag {
  readonly weak: boolean
  readonly tag: string
}

/** The value of `If-Match` or `If-None-Match` (RFC 9110, 13.1): any version, or one of these. */
export type Condition = { readonly any: true } | { readonly any: false; readonly tags: readonly EntityTag[] }

const item = /\s*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")\s*)?(?:,|$)/y

/** Parses the header; `undefined` if malformed. Empty list elements are allowed (RFC 9110, 5.6.1). */
export function readCondition(header: string): Condition | undefined {
  if (header.trim() === '*') return { any: true }
  const tags: EntityTag[] = []
  item.lastIndex = 0
  while (item.lastIndex < header.length) {
    const match = item.exec(header)
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
