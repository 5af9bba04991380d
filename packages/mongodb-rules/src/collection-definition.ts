/** What `listCollections` says of a collection, as far as it matters. */
export interface CollectionDefinition {
  readonly type: string
  readonly options?: { readonly capped?: boolean; readonly collation?: { readonly locale?: string } }
}

/**
 * Why a collection cannot be followed exactly; `undefined` for one that can, also when it does not exist yet. Views and
 * time series send no changes; capped ones lose documents without a change; a collation makes ids equal that are not.
 */
export function reasonAgainst(definition: CollectionDefinition | undefined): string | undefined {
  if (definition === undefined) return undefined
  const { type, options } = definition
  if (type !== 'collection') return `expected a plain collection, got a ${type}`
  if (options?.capped === true) return 'expected a plain collection, got a capped one'
  const locale = options?.collation?.locale ?? 'simple'
  return locale === 'simple' ? undefined : `expected the simple collation, got '${locale}'`
}
