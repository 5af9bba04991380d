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
