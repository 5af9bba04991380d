/** Checked by the compiler alone: if a line below an `@ts-expect-error` ever compiles, the build fails. */
import { readDatabase } from '../src/index.ts'
import type { Frozen, ReadCollection, ReadConnection, ReadDatabase, Refused } from '../src/index.ts'
import type { refusedCollectionVerbs, refusedDatabaseVerbs } from '../src/refused-verbs.ts'

interface Product {
  readonly _id: string
  name: string
  tags: string[]
  size: { width: number }
  made: Date
}

/** Every verb of both tables, one by one: none may be called, each is a sentence. */
type NeverCallable<Door, Table> = {
  readonly [Verb in keyof Table & keyof Door]: Door[Verb] extends Refused<string> ? true : Verb
}
type AllTrue<T extends Record<keyof T, true>> = T
export type CollectionIsShut = AllTrue<NeverCallable<ReadCollection, typeof refusedCollectionVerbs>>
export type DatabaseIsShut = AllTrue<NeverCallable<ReadDatabase, typeof refusedDatabaseVerbs>>

/** And nothing else is there: whatever is callable is one of these. */
type Callable<Door> = {
  [K in keyof Door]: Door[K] extends (...args: never[]) => unknown ? K : never
}[keyof Door]
type Same<A, B> = [A, B] extends [B, A] ? true : never
export const collectionHas: Same<
  Callable<ReadCollection>,
  'aggregate' | 'countDocuments' | 'find' | 'findOne'
> = true
export const databaseHas: Same<Callable<ReadDatabase>, 'collection'> = true

export async function whatDoesNotCompile(connection: ReadConnection): Promise<void> {
  const database = readDatabase(connection)
  const products = database.collection<Product>('products')
  const found: Frozen<Product> | undefined = await products.findOne({ name: 'x' })
  if (!found) return
  const made: Date = found.made
  // @ts-expect-error a reader has no insertOne
  products.insertOne({ _id: 'a' })
  // @ts-expect-error nor updateMany
  products.updateMany({}, { $set: { name: made.toISOString() } })
  // @ts-expect-error nor any way to drop
  products.drop()
  // @ts-expect-error no bulk builder
  products.initializeOrderedBulkOp().insert({})
  // @ts-expect-error no change stream of the driver
  products.watch()
  // @ts-expect-error no command by hand
  database.command({ insert: 'products', documents: [] })
  // @ts-expect-error no way to the administration
  database.admin().command({ shutdown: 1 })
  // @ts-expect-error the client is not to be had
  database.client.db('other')
  // @ts-expect-error documents are frozen
  found.name = 'other'
  // @ts-expect-error at any depth
  found.size.width = 1
  // @ts-expect-error and in arrays
  found.tags.push('x')
  // @ts-expect-error the sentence is a type: there is nothing to call
  const insert: () => void = products.insertOne
  insert()
}
