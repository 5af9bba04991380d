import { watchWrites } from '@freshet/embed'
import { MongoClient } from 'mongodb'
import type { Stamp } from './stamper.ts'

/** Stamps with its own client, which is watched. */
export function ownClient(
  uri: string,
  database: string,
): { readonly client: MongoClient; readonly stamp: Stamp } {
  const client = watchWrites(new MongoClient(uri))
  const orders = client.db(database).collection<{ readonly _id: string; readonly stamps: number }>('orders')
  return { client, stamp: (id) => orders.updateOne({ _id: id }, { $inc: { stamps: 1 } }) }
}
