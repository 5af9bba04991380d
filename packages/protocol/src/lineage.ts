import { parseList, serializeList, Token, type Item } from 'structured-headers'

/** A change handler that writes because of a change. */
export interface Hop {
  /** `<service>/<handler>`; see {@link isHandlerName}. */
  readonly handler: string
  /** The document whose change it received: `<collection>/<id>`. */
  readonly heard: string
  /** The collections that it declared to write to. */
  readonly writes: readonly string[]
}

/**
 * Why something was written, oldest hop first: each hop wrote what the next one received. Empty if no handler is
 * involved.
 */
export type Lineage = readonly Hop[]

/** The highest configurable limit of hops. */
export const MAX_HOPS = 16

/** One more than the limit can be parsed, so that the error reports the loop, not a malformed header. */
const MAX_SAID = MAX_HOPS + 1

/** A change without a handler. */
export const noLineage: Lineage = Object.freeze([])

const handlerName = /^[a-z][a-z0-9_-]{0,31}\/[a-z][a-z0-9_-]{0,63}$/

/** Whether a string is a valid handler name: `stock/recount`. */
export function isHandlerName(text: string): boolean {
  return handlerName.test(text)
}

/** The service of a handler: the first half of its name. */
export function serviceOf({ handler }: Hop): string {
  return handler.slice(0, handler.indexOf('/'))
}

/**
 * Formats `Freshet-Cause`: an RFC 9651 list in which each hop is a token with parameters, as in
 * `stock/recount;heard="orders/42";writes="stock", shop/notify;heard="stock/7";writes=""`.
 */
export function formatLineage(lineage: Lineage): string {
  return serializeList(
    lineage.map(({ handler, heard, writes }): Item => [
      new Token(handler),
      new Map([
        ['heard', heard],
        ['writes', writes.join(' ')],
      ]),
    ]),
  )
}

/** Parses the output of {@link formatLineage}; `undefined` if malformed or too long. */
export function parseLineage(text: string): Lineage | undefined {
  const items = itemsOf(text)
  if (items === undefined || items.length > MAX_SAID) return undefined
  const hops: Hop[] = []
  for (const [handler, parameters] of items) {
    const heard = parameters.get('heard')
    const writes = parameters.get('writes')
    if (!(handler instanceof Token) || typeof heard !== 'string' || typeof writes !== 'string')
      return undefined
    const name = handler.toString()
    if (!isHandlerName(name)) return undefined
    hops.push({ handler: name, heard, writes: writes.split(' ').filter((collection) => collection !== '') })
  }
  return hops
}

/** A lineage in one readable line: `orders/42 → stock/recount → stock/7 → shop/notify`. */
export function describeLineage(lineage: Lineage): string {
  return lineage.flatMap(({ heard, handler }) => [heard, handler]).join(' → ')
}

/**
 * Why a write caused by a change is not allowed. `undeclared`: the handler did not declare the collection. `own-entry`:
 * the handler received something it caused itself. `too-many-hops`: too many handlers since the original write.
 */
export type LoopFault = 'undeclared' | 'own-entry' | 'too-many-hops'

/**
 * Checks a write to `collection` by the last hop of its lineage. Pure. The writer and watched clients apply the same
 * rule. A chain without a repeated handler is not a cycle; a cycle ends after at most `maxHops` writes.
 */
export function loopFault(lineage: Lineage, collection: string, maxHops: number): LoopFault | undefined {
  const last = lineage.at(-1)
  if (last === undefined) return undefined
  if (!last.writes.includes(collection)) return 'undeclared'
  if (lineage.slice(0, -1).some(({ handler }) => handler === last.handler)) return 'own-entry'
  return lineage.length > maxHops ? 'too-many-hops' : undefined
}

function itemsOf(text: string): ReturnType<typeof parseList> | undefined {
  try {
    return parseList(text)
  } catch {
    // The library throws if the header is not a list; the caller reports what is expected.
    return undefined
  }
}
