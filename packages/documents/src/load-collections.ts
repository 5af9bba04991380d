import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredNameFault } from '@freshet/protocol'
import { readCollectionFile } from './collection-file.ts'
import type { Collection } from './contract.ts'
import { CollectionFileError } from './errors.ts'
import { SchemaCompiler } from './schema-check.ts'

const suffix = '.json'

/** Hidden files are of others: macOS lays `._products.json` beside `products.json`, editors `.#products.json`. */
const isOurs = (file: string): boolean => file.endsWith(suffix) && !file.startsWith('.')

/**
 * The collections that the `*.json` files of a folder declare, by name and in its order. Hidden files are left alone.
 * @param storedNameFault which names the database cannot serve; without it all are taken.
 * @throws {CollectionFileError} naming the file, the place in it, what was found and what is wanted.
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

/** Of two files for one collection each would judge and show it in its own way. @throws {CollectionFileError} */
function expectAlone({ stored }: Collection, path: string, before: ReadonlyMap<string, Collection>): void {
  for (const other of before.values())
    if (other.stored === stored)
      throw new CollectionFileError(
        'BAD_FILE',
        `${path} at /x-collection: expected a collection that no other file has, got ${JSON.stringify(stored)}, ` +
          `which ${other.name}${suffix} has.`,
      )
}
