import { MongoServerError, type Collection, type Db, type MongoClient } from 'mongodb'
import type { Random } from '../random.ts'
import { collections, idsOf, idTypes, twins } from '../stress-documents.ts'
import { foreignId, type ForeignId } from './foreign-ids.ts'

/** A stored document. `stamp` is unique per write; `pair` is written to two documents by one transaction. */
export interface Stamped {
  readonly _id: ForeignId
  readonly stamp: number
  readonly pair?: number
  readonly text?: string
}

/** Concurrent writers to the same documents, using every kind of write, independent of any replica. */
export class Writers {
  readonly #client: MongoClient
  readonly #db: Db
  readonly #random: Random
  #stamp = 0
  #stopped = false
  #writes = 0

  constructor(client: MongoClient, db: Db, random: Random) {
    this.#client = client
    this.#db = db
    this.#random = random
  }

  /** Attempted writes. */
  get writes(): number {
    return this.#writes
  }

  /** Resolves after {@link Writers.stop}. */
  async run(writers: number): Promise<void> {
    await Promise.all(Array.from({ length: writers }, () => this.#loop()))
  }

  stop(): void {
    this.#stopped = true
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      this.#writes += 1
      try {
        await this.#write()
      } catch (error) {
        // Duplicate keys and write conflicts are normal when writers collide with each other or with a drop.
        if (!(error instanceof MongoServerError)) throw error
      }
    }
  }

  async #write(): Promise<void> {
    const name = this.#random.pick(collections)
    const collection = this.#db.collection<Stamped>(name)
    const id = this.#random.pick(idsOf(name))
    const _id = this.#stored(name, id)
    const document = this.#document(name, id)
    const dice = this.#random.int(100)
    if (dice < 20) await collection.insertOne(document)
    else if (dice < 40) await collection.replaceOne({ _id }, document, { upsert: true })
    else if (dice < 55)
      await collection.updateOne({ _id }, { $set: { stamp: this.#next(), 'extra.at': dice } })
    else if (dice < 65) await collection.updateOne({ _id }, [{ $set: { stamp: this.#next(), text: '$_id' } }])
    else if (dice < 82) await collection.deleteOne({ _id })
    else if (dice < 90) await this.#bulk(collection)
    else if (dice < 99 || this.#random.chance(0.8)) await this.#transaction()
    else await this.#drop()
  }

  async #bulk(collection: Collection<Stamped>): Promise<void> {
    const name = collection.collectionName
    const some = Array.from({ length: 6 }, () => this.#random.pick(idsOf(name)))
    await collection.bulkWrite(
      some.map((id, n) =>
        n % 3 === 0
          ? { deleteOne: { filter: { _id: this.#stored(name, id) } } }
          : {
              replaceOne: {
                filter: { _id: this.#stored(name, id) },
                replacement: this.#document(name, id),
                upsert: true,
              },
            },
      ),
      { ordered: false },
    )
  }

  async #transaction(): Promise<void> {
    const pair = this.#next()
    await this.#client.withSession((session) =>
      session.withTransaction(async () => {
        const collection = this.#db.collection<Stamped>('products')
        for (const id of this.#random.chance(0.5) ? twins : twins.toReversed()) {
          const document = { ...this.#document('products', id), pair }
          await collection.replaceOne({ _id: this.#stored('products', id) }, document, {
            upsert: true,
            session,
          })
        }
      }),
    )
  }

  /** Drops and recreates the collection, or replaces it with another one. */
  async #drop(): Promise<void> {
    const scratch = this.#db.collection<Stamped>('scratch')
    if (this.#random.chance(0.5)) await scratch.drop()
    else await scratch.rename('scratch_old', { dropTarget: true })
    await scratch.insertOne(this.#document('scratch', this.#random.pick(idsOf('scratch'))))
  }

  #document(collection: string, id: string): Stamped {
    return { _id: this.#stored(collection, id), stamp: this.#next(), text: 'x'.repeat(this.#random.int(400)) }
  }

  #stored(collection: string, id: string): ForeignId {
    return foreignId(idTypes.get(collection) ?? 'string', id, this.#random)
  }

  #next(): number {
    this.#stamp += 1
    return this.#stamp
  }
}
