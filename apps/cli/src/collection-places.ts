import { loadCollections } from '@freshet/documents'
import { storedNameFault } from '@freshet/mongodb-rules'
import { tableNameFault } from '@freshet/postgres-rules'
import type { CollectionPlace } from '@freshet/protocol'
import type { DatabaseKind } from './dev/run-database.ts'

/** The places of all collections in a folder. @throws {CollectionFileError} */
export async function collectionsFor(
  kind: DatabaseKind,
  folder: string,
): Promise<ReadonlyMap<string, CollectionPlace>> {
  const loaded = await loadCollections(folder, kind === 'postgres' ? tableNameFault : storedNameFault)
  return new Map([...loaded].map(([name, { idType, stored }]) => [name, { idType, stored }]))
}
