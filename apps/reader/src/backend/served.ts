import { CollectionFileError, loadCollections } from '@freshet/documents'
import { ConfigError } from '@freshet/kit'
import type { CollectionPlace } from '@freshet/protocol'
import type { Backend } from './contract.ts'

/** The collections that are served, by public name. */
export interface Served {
  readonly places: ReadonlyMap<string, CollectionPlace>
  readonly access: Backend['access']
}

/** Loads the collection files. @throws {ConfigError} */
export async function loadServed(
  folder: string,
  nameFault: Parameters<typeof loadCollections>[1],
): Promise<Served> {
  const collections = await loadCollections(folder, nameFault).catch((error: unknown) => {
    if (!(error instanceof CollectionFileError)) throw error
    throw new ConfigError('BAD_VALUE', `--collections: ${error.message}`, { cause: error })
  })
  return {
    places: new Map([...collections].map(([name, { idType, stored }]) => [name, { idType, stored }])),
    access: new Map([...collections].map(([name, { access: declared }]) => [name, declared.read])),
  }
}
