import type { ReadCommand, ReadConnection } from '@freshet/guard'

type Document = Awaited<ReturnType<ReadConnection['run']>>

/** What `listCollections` says of one, as far as it matters. */
interface Definition {
  readonly name: string
  readonly type: string
  readonly options?: { readonly capped?: boolean; readonly collation?: { readonly locale?: string } }
}

/**
 * Why collections cannot be followed exactly; `undefined` for those that can, also when they do not exist yet. Views and
 * time series send no changes; capped ones lose documents without a change; a collation makes ids equal that are not.
 */
export async function reasonsAgainst(
  ask: (command: ReadCommand) => Promise<Document>,
  collections: readonly string[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const command = {
    listCollections: 1,
    filter: { name: { $in: [...collections] } },
    cursor: { batchSize: collections.length + 1 },
  }
  const reply = await ask(command)
  const found = new Map<string, Definition>()
  for (const definition of reply['cursor'].firstBatch) found.set(definition.name, definition)
  return new Map(collections.map((name) => [name, reasonAgainst(found.get(name))]))
}

function reasonAgainst(definition: Definition | undefined): string | undefined {
  if (definition === undefined) return undefined
  const { type, options } = definition
  if (type !== 'collection') return `expected a plain collection, got a ${type}`
  if (options?.capped === true) return 'expected a plain collection, got a capped one'
  const locale = options?.collation?.locale ?? 'simple'
  return locale === 'simple' ? undefined : `expected the simple collation, got '${locale}'`
}
