import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredNameFault } from '@freshet/protocol'
import { readCollectionFile } from './collection-file.ts'
import type { Collection } from './contract.ts'
import { CollectionFileError } from './errors.ts'
import { SchemaCompiler } from './schema-check.ts'

const suffix = '.json'

/** Hidden files belong to other programs, such as `._products.json` (macOS) and `.#products.json` (editors). */
const isOurs = (file: string): boolean => file.endsWith(suffix) && !file.startsWith('.')

/**
 * Loads the collections declared by the `*.json` files of a folder, by name and in directory order. Ignores hidden
 * files.
 * @param storedNameFault which names the database cannot serve; by default all are accepted.
 * @throws {CollectionFileError} with file, pointer, what was expected and what was found.
 */
export async function loadCollections(
  folder: string,
  storedNameFault: StoredNameFault = () => undefined,
): Promise<ReadonlyMap<string, Collection>> {
  const compiler = new SchemaCompiler()
  const collections = new Map<string, Collection>()
  try {
    const files = (await readdir(folder)).filter(isOurs).sort()
    for (const file of files) {
      const path = join(folder, file)
      const name = file.slice(0, -suffix.length)
      const collection = readCollectionFile(
        path,
        name,
        await readFile(path, 'utf8'),
        compiler,
        storedNameFault,
      )
      expectAlone(collection, path, collections)
      collections.set(name, collection)
    }
  } catch (cause) {
    if (cause instanceof CollectionFileError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CollectionFileError('UNREADABLE', `${folder}: expected a folder of collection files: ${why}.`, {
      cause,
    })
  }
  if (collections.size === 0)
    throw new CollectionFileError(
      'UNREADABLE',
      `${folder}: expected at least one file named <collection>.json, got none.`,
    )
  return collections
}

/** Two files for one collection would validate and encode it differently. @throws {CollectionFileError} */
function expectAlone({ stored }: Collection, path: string, before: ReadonlyMap<string, Collection>): void {
  for (const other of before.values())
    if (other.stored === stored)
      throw new CollectionFileError(
        'BAD_FILE',
        `${path} at /x-collection: expected a collection that no other file has, got ${JSON.stringify(stored)}, ` +
          `which ${other.name}${suffix} has.`,
      )
}
