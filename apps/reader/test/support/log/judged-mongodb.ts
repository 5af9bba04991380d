import { expect } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { eventually, type SeededRandom, type TestDatabase } from '@freshet/testkit'
import type { JudgedWrites } from './judge.ts'
import { digestOf } from './judged-table.ts'

const WRITERS = 2
const PAUSE_MS = 20
/** Transactions. */
const MAX_LAG = 200
const PRODUCTS = 80

interface Product {
  readonly _id: string
  readonly value: number
}

type Products = ReturnType<typeof productsOf>
type Session = ReturnType<TestDatabase['admin']['startSession']>

function productsOf(db: TestDatabase) {
  return db.admin.db(db.database).collection<Product>('products')
}

/**
 * Writes to `products` until it is stopped: transactions, each of which counts `mark` up, and changes without one. The history is
 * what the database's own change stream tells its driver: the state after each cluster time.
 */
export class JudgedMongoDb implements JudgedWrites {
  readonly #db: TestDatabase
  readonly #products: Products
  readonly #random: SeededRandom
  readonly #lag: () => number
  readonly #stopping = new AbortController()
  readonly #history: History
  readonly #writers: readonly Promise<void>[]
  committed = 0

  private constructor(db: TestDatabase, history: History, random: SeededRandom, lag: () => number) {
    this.#db = db
    this.#products = productsOf(db)
    this.#random = random
    this.#lag = lag
    this.#history = history
    this.#writers = Array.from({ length: WRITERS }, () => this.#write())
  }

  /** @param lag how many transactions a reader is behind: writers wait for it. */
  static async open(db: TestDatabase, random: SeededRandom, lag: () => number): Promise<JudgedMongoDb> {
    const products = productsOf(db)
    await products.insertOne({ _id: 'mark', value: 0 })
    await products.insertMany(Array.from({ length: PRODUCTS }, (_, n) => ({ _id: `p${n + 1}`, value: n })))
    return new JudgedMongoDb(db, await History.open(products), random, lag)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#writers)
  }

  async digest(): Promise<string> {
    const rows = await this.#products.find().toArray()
    return digestOf(rows.map(({ _id, value }) => ({ id: _id, value })))
  }

  async history(): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
    const digest = await this.digest()
    await eventually(() => expect(this.#history.latest).toEqual({ mark: this.committed, digest }))
    await this.#history.close()
    return this.#history.states
  }

  async #write(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.#random.next() < 0.5) await this.#change()
      else await this.#transaction()
      do await pause(PAUSE_MS)
      while (this.#lag() > MAX_LAG && !this.#stopping.signal.aborted)
    }
  }

  async #transaction(): Promise<void> {
    const keep = this.#random.next() >= 0.1
    await using session = this.#db.admin.startSession()
    await session.withTransaction(async () => {
      await this.#products.updateOne({ _id: 'mark' }, { $inc: { value: 1 } }, { session })
      for (let changes = 1 + this.#random.below(4); changes > 0; changes -= 1) await this.#change(session)
      if (!keep) await session.abortTransaction()
    })
    if (keep) this.committed += 1
  }

  async #change(session?: Session): Promise<void> {
    const options = session && { session }
    const n = 1 + this.#random.below(PRODUCTS)
    const _id = this.#random.next() < 0.3 ? `r${n}` : `p${n}`
    const value = this.#random.below(1_000_000)
    const kind = this.#random.below(20)
    if (kind === 0) await this.#products.updateMany({ _id: /^[pr]/ }, { $inc: { value: 1 } }, options)
    else if (kind < 6) await this.#products.deleteOne({ _id }, options)
    else if (kind < 12) await this.#products.replaceOne({ _id }, { value }, { ...options, upsert: true })
    else await this.#products.updateOne({ _id }, { $set: { value } }, options)
  }
}

/** Every state that the collection had, by `mark`. */
class History {
  readonly states = new Map<number, Set<string>>()
  readonly #stream: ReturnType<Products['watch']>
  readonly #rows: Map<string, number>
  readonly #reading: Promise<void>
  /** The cluster time of the latest change. */
  #time: string | undefined
  #closing = false

  private constructor(stream: ReturnType<Products['watch']>, rows: Map<string, number>) {
    this.#stream = stream
    this.#rows = rows
    this.#record()
    this.#reading = this.#read()
  }

  /** Nobody may write meanwhile. */
  static async open(products: Products): Promise<History> {
    const stream = products.watch([], { fullDocument: 'required' })
    // Opens the cursor.
    await stream.tryNext()
    const rows = await products.find().toArray()
    return new History(stream, new Map(rows.map(({ _id, value }) => [_id, value])))
  }

  get latest(): { readonly mark: number; readonly digest: string } {
    const rows = [...this.#rows].map(([id, value]) => ({ id, value }))
    return { mark: this.#rows.get('mark') ?? 0, digest: digestOf(rows) }
  }

  async close(): Promise<void> {
    this.#record()
    this.#closing = true
    await this.#reading
    await this.#stream.close()
  }

  #record(): void {
    const { mark, digest } = this.latest
    const digests = this.states.get(mark) ?? new Set()
    this.states.set(mark, digests.add(digest))
  }

  async #read(): Promise<void> {
    while (!this.#closing) {
      const event = await this.#stream.tryNext()
      if (event === null) continue
      if (!('documentKey' in event) || !('clusterTime' in event))
        throw new Error(`expected a change, got ${event.operationType}`)
      const time = String(event.clusterTime)
      // All changes of a transaction have the same time.
      if (time !== this.#time) this.#record()
      this.#time = time
      const id = String(event.documentKey._id)
      const document = 'fullDocument' in event ? event.fullDocument : undefined
      if (document === undefined) this.#rows.delete(id)
      else this.#rows.set(id, document.value)
    }
  }
}
