import { openTestDatabase } from '@freshet/testkit'
import { mongodbCodec } from '@freshet/documents-mongodb'
import { Decimal128, type Collection, type Document } from 'mongodb'
import type { HttpDatabase, Seen } from './http-database.ts'
import { collections } from './open-writer.ts'

type Stored = Document & { readonly _id: string | number }

/** The tests' view of MongoDB. */
export async function openHttpMongodb(): Promise<HttpDatabase> {
  const db = await openTestDatabase({ own: true, collections })
  const shop = db.admin.db('shop')
  const of = (name: string): Collection<Stored> => shop.collection<Stored>(name)
  const products = of('products')
  const idOf = (collection: string, id: string): string | number =>
    collection === 'numbered' ? Number(id) : id
  const uri = db.uriFor('writer')
  const put: HttpDatabase['put'] = async (collection, id, members) => {
    await of(collection).replaceOne({ _id: idOf(collection, id) }, members, { upsert: true })
  }
  return {
    uri,
    port: db.servers.members[0]?.port ?? 0,
    uriThrough: (port) => {
      const direct = uri.replace(/@[^/?]+/, `@127.0.0.1:${port}`).replace(/replicaSet=[^&]+/, '')
      return `${direct}&directConnection=true`
    },
    text: async (collection, id) => {
      const bytes = await of(collection).findOne<Uint8Array>({ _id: idOf(collection, id) }, { raw: true })
      return bytes === null ? undefined : mongodbCodec.encode(bytes).json.toString()
    },
    put,
    putInexact: (id) => put('products', id, { name: 'x', a: { price: Decimal128.fromString('1.10') } }),
    all: async (collection) => {
      const found = await of(collection)
        .find({}, { sort: { _id: 1 } })
        .toArray()
      return found.map(({ _id, ...members }): Seen => ({ id: String(_id), ...members }))
    },
    clear: async (collection) => void (await of(collection).deleteMany({})),
    rename: async (name) => void (await products.updateMany({}, { $set: { name } })),
    answers: () => db.admin.db('shop_internal').collection('idempotency').countDocuments(),
    lock: async (id) => {
      const session = db.admin.startSession()
      session.startTransaction()
      await products.updateOne({ _id: id }, { $set: { name: 'theirs' } }, { session })
      return {
        release: async () => {
          await session.abortTransaction()
          await session.endSession()
        },
      }
    },
    makeUnique: async () => {
      const options = { unique: true, partialFilterExpression: { unique: true } }
      await products.createIndex({ name: 1 }, options)
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}
