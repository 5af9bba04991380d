/** Replaces random documents at a constant rate, in a process of its own so that it does not delay the clients. */
import { randomUUID } from 'node:crypto'
import { MongoClient } from 'mongodb'
import { evenly } from '../shared/load.ts'
import { collection, database, idOf, order } from './world.ts'

export interface Replacing {
  readonly uri: string
  readonly documents: number
  readonly perSecond: number
  readonly seconds: number
}

/** Operations of one command, so that the program takes little of the machine. */
const together = 20

process.on('message', ({ uri, documents, perSecond, seconds }: Replacing) => {
  const replace = async (): Promise<void> => {
    await using client = await MongoClient.connect(uri)
    const orders = client.db(database).collection<{ readonly _id: string }>(collection)
    const replaceOne = () => {
      const filter = { _id: idOf(Math.floor(Math.random() * documents)) }
      return { replaceOne: { filter, replacement: { ...order, mark: randomUUID() } } }
    }
    await evenly(perSecond / together, seconds, () =>
      orders.bulkWrite(Array.from({ length: together }, replaceOne), { ordered: false }),
    )
    process.send?.({})
  }
  void replace()
})
