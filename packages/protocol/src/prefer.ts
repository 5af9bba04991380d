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

const none: Preferences = { waitS: undefined, minimal: false, lenient: false }

/** Parses the header. Of duplicate preferences, the first counts. */
export function readPrefer(header: string | undefined): Preferences {
  if (header === undefined) return none
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
