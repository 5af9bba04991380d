import { parseList, serializeList, Token, type Item } from 'structured-headers'

/** One handler of changes that writes because of what it heard. */
export interface Hop {
  /** `<service>/<handler>`; see {@link isHandlerName}. */
  readonly handler: string
  /** The document whose change it heard of: `<collection>/<id>`. */
  readonly heard: string
  /** The collections that it declared to write. */
  readonly writes: readonly string[]
}

/** Why something is written: each hop wrote what the next one heard of, the oldest first. Empty: nobody's change. */
export type Lineage = readonly Hop[]

/** The most hops that can be allowed anywhere. */
export const MAX_HOPS = 16

/** One more than is ever allowed can be said, so that the refusal is about the loop and not about the header. */
const MAX_SAID = MAX_HOPS + 1

/** Nobody's change. */
export const noLineage: Lineage = Object.freeze([])

const handlerName = /^[a-z][a-z0-9_-]{0,31}\/[a-z][a-z0-9_-]{0,63}$/

/** Whether a text may stand as the name of a handler: `stock/recount`. */
export function isHandlerName(text: string): boolean {
  return handlerName.test(text)
}

/** The first half of a handler's name: the service that it is of. */
export function serviceOf({ handler }: Hop): string {
  return handler.slice(0, handler.indexOf('/'))
}

/**
 * The value of `Freshet-Cause`: a list of RFC 9651, each hop a token with its parameters, as in
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

/** Reads what {@link formatLineage} wrote; `undefined`: it is not of this form, or longer than one can get. */
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

/** A lineage in one line for people: `orders/42 → stock/recount → stock/7 → shop/notify`. */
export function describeLineage(lineage: Lineage): string {
  return lineage.flatMap(({ heard, handler }) => [heard, handler]).join(' → ')
}

function itemsOf(text: string): ReturnType<typeof parseList> | undefined {
  try {
    return parseList(text)
  } catch {
    // The library throws for whatever is not a list; the caller says what was wanted.
    return undefined
  }
}
