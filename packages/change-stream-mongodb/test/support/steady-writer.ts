import { MongoServerError, type MongoClient } from 'mongodb'

/** Inserts numbered documents one by one and records which were acknowledged by a majority. */
export class SteadyWriter {
  readonly #client: MongoClient
  readonly #database: string
  readonly #ids: string[] = []
  #running: Promise<void> | undefined
  #stopped = false

  constructor(client: MongoClient, database: string) {
    this.#client = client
    this.#database = database
  }

  /** In write order, which is also the order of acknowledgement. */
  get acknowledged(): readonly string[] {
    return this.#ids
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Resolves after the last write. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    const products = this.#client.db(this.#database).collection<{ _id: string; value: number }>('products')
    for (let value = 0; !this.#stopped; value += 1) {
      const _id = `w${value}`
      await untilStored(() => products.insertOne({ _id, value }, { writeConcern: { w: 'majority' } }))
      this.#ids.push(_id)
    }
  }
}

const duplicateKey = 11_000

/** After an election it is unknown whether a write was stored, so it is repeated until it exists. */
async function untilStored(insert: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await insert()
      return
    } catch (error) {
      if (!(error instanceof MongoServerError)) throw error
      if (error.code === duplicateKey) return
    }
  }
}
