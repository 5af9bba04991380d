import type { ReadCommand, ReadConnection } from '@freshet/guard'
import { reasonAgainst, type CollectionDefinition } from '@freshet/mongodb-rules'

type Document = Awaited<ReturnType<ReadConnection['run']>>

/** One collection of the reply. */
type Named = CollectionDefinition & { readonly name: string }

/** Why collections cannot be followed exactly. `undefined` for those that can, including ones that do not exist yet. */
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
  const found = new Map<string, Named>()
  for (const definition of reply['cursor'].firstBatch) found.set(definition.name, definition)
  return new Map(collections.map((name) => [name, reasonAgainst(found.get(name))]))
}
