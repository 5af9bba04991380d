import { postgresSource } from '@freshet/change-stream-postgres'
import { systemClock } from '@freshet/kit'
import type { TestDatabase } from '@freshet/postgres'
import type { Position, SourceId } from '@freshet/protocol'
import { CutProxy, eventually } from '@freshet/testkit'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import type { ReplicaStatus } from '../../../src/contract.ts'
import { ReplicaError } from '../../../src/errors.ts'
import type { ExactReplica } from '../../../src/replica.ts'
import { silentLog } from '../bench.ts'
import { Random } from '../random.ts'
import { collections, idsOf, idTypes } from '../stress-documents.ts'
import { stressReplica, type StressVariant } from '../stress-replica.ts'
import { digestOf, Judge, type Claim } from './judge.ts'
import { publication } from './tables.ts'
import { Writers } from './writers.ts'

interface SourcedClaim extends Claim {
  readonly source: SourceId
}

export interface FaultRunOptions {
  readonly db: TestDatabase
  readonly seed: number
  /** The address of the replica, instead of one that can be switched. */
  readonly uri?: string
  readonly variant?: StressVariant
  /** As {@link WriterOptions.keepDefinitions}. */
  readonly keepDefinitions?: boolean
}

/** Answers before the next disturbance. */
const answersBetween = 400

/** Connects to the server that is the primary now. */
export type Connect = () => Promise<Client>

/**
 * Writers, and a replica behind an address that can be switched, while the server fails. Every answer is recorded, and later
 * compared with what triggers recorded in the database.
 */
export class FaultRun implements AsyncDisposable {
  /** The replica's warnings. */
  readonly logged: string[] = []
  /** The source of each epoch that the replica has begun. */
  readonly sources: string[] = []
  readonly #proxy: CutProxy
  readonly #replica: ExactReplica<Buffer>
  readonly #close: () => Promise<void>
  readonly #writers: Writers
  readonly #writing: Promise<void>
  readonly #reading: Promise<void>
  readonly #random: Random
  readonly #claims: SourcedClaim[] = []
  readonly #failures: Record<string, number> = {}
  readonly #wrong: string[] = []
  #connect: Connect
  #reads = true

  private constructor(
    { db, seed, uri, variant = {}, keepDefinitions = false }: FaultRunOptions,
    proxy: CutProxy,
  ) {
    this.#proxy = proxy
    this.#random = new Random(seed)
    this.#connect = () => db.connect()
    this.#writers = new Writers({ connect: () => this.#connect(), admin: db.admin }, this.#random, {
      held: false,
      survive: true,
      keepDefinitions,
    })
    this.#writing = this.#writers.run(2)
    const opened = postgresSource({
      uri: uri ?? db.uri.replace(`:${db.server.port}/`, `:${proxy.port}/`),
      appName: 'faults',
      publication,
      collections: idTypes,
      clock: systemClock,
    })
    this.#close = () => opened.close()
    const warn = (fields: object): void => void ('err' in fields && this.logged.push(String(fields.err)))
    const info = (fields: object): void =>
      void ('source' in fields && this.sources.push(String(fields.source)))
    const log = { ...silentLog, info, warn }
    const random = this.#random
    this.#replica = stressReplica({ ...opened, variant, random, log, documentBytes: 1_500 })
    void this.#replica.start()
    this.#reading = this.#read()
  }

  static async open(options: FaultRunOptions): Promise<FaultRun> {
    return new FaultRun(options, await CutProxy.open(options.db.server.port))
  }

  get status(): ReplicaStatus {
    return this.#replica.status()
  }

  /** Of the whole run. */
  get counts(): Readonly<Record<string, unknown>> {
    const { resyncs } = this.status
    const counts = { answers: this.#claims.length, transactions: this.#writers.writes }
    return { ...counts, resyncs, failedReads: { ...this.#failures } }
  }

  /** The address now leads to another server, which writers use from now on. */
  switchTo(port: number, connect: Connect): void {
    this.#connect = connect
    this.#proxy.redirectTo(port)
  }

  /** Whether the replica has a product, which no writer touches. */
  async has(id: string): Promise<boolean> {
    const { values } = await this.#replica.get('products', id, { waitMs: 500 })
    return Buffer.isBuffer(values[0])
  }

  /** Resolves when the replica follows the server and has answered many requests since, or there is no need to wait any more. */
  async follows(enough: () => boolean = () => false): Promise<void> {
    await eventually(() => {
      if (enough()) return
      const { brokenBy, state } = this.status
      if (state.kind !== 'live' || brokenBy !== undefined) throw new Error(`${state.kind}, ${brokenBy}`)
    })
    const { length } = this.#claims
    await eventually(() => {
      if (!enough() && this.#claims.length < length + answersBetween)
        throw new Error(`${this.#claims.length - length} answers`)
    })
  }

  /** Stops the writers, and returns documents that the replica shows otherwise than the database. */
  async differences(): Promise<readonly string[]> {
    this.#writers.stop()
    await this.#writing
    this.#reads = false
    await this.#reading
    const client = await this.#connect()
    const different: string[] = []
    for (const collection of collections) {
      const { rows } = await client.query(`select * from ${collection}`)
      const stored = new Map(rows.map((row) => [String(row.id), [row.stamp, row.pair, row.text]]))
      const ids = idsOf(collection)
      const { values } = await this.#replica.many(collection, ids, { atLeast: 'now', waitMs: 60_000 })
      for (const [n, value] of values.entries()) {
        const shown = Buffer.isBuffer(value) ? JSON.parse(value.toString()) : undefined
        const text = (parts: readonly unknown[] | undefined): string => JSON.stringify(parts?.map(textOf))
        const expected = text(stored.get(ids[n] ?? ''))
        const got = text(shown && [shown.stamp, shown.pair, shown.text])
        if (expected !== got) different.push(`${collection}/${ids[n]}: ${got} instead of ${expected}`)
      }
    }
    await client.end()
    return different
  }

  /** All answers that were wrong by the record of the server with their history. @param servers addresses, by source. */
  async wrong(servers: ReadonlyMap<SourceId | undefined, string>): Promise<readonly string[]> {
    const judge = new Judge()
    for (const [source, connectionString] of servers) {
      const client = new Client({ connectionString })
      await client.connect()
      await judge.compareRecorded(
        client,
        this.#claims.filter((claim) => claim.source === source),
      )
      await client.end()
    }
    if (judge.recorded !== this.#claims.length || judge.recorded === 0)
      throw new Error(`compared ${judge.recorded} of ${this.#claims.length} answers`)
    return [...this.#wrong, ...judge.wrong]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reads = false
    this.#writers.stop()
    await Promise.all([this.#reading, this.#writing])
    await this.#replica.close()
    await this.#close()
    await this.#proxy[Symbol.asyncDispose]()
  }

  async #read(): Promise<void> {
    const floors = new Map<SourceId, Position>()
    while (this.#reads) {
      const asked = Array.from({ length: 20 }, () => this.#ask(floors))
      const failed = (await Promise.all(asked)).includes(false)
      // While the server is down, reads fail at once.
      if (failed) await pause(20)
    }
  }

  async #ask(floors: Map<SourceId, Position>): Promise<boolean> {
    const collection = this.#random.pick(collections)
    const ids = idsOf(collection)
    const wanted = Array.from({ length: 4 }, () => this.#random.pick(ids))
    const before = new Map(floors)
    try {
      const { source, at, values } = await this.#replica.many(collection, wanted, {
        waitMs: 1_000,
        ...(this.#random.chance(0.1) && { atLeast: 'now' as const }),
      })
      if (at < (before.get(source) ?? at)) this.#wrong.push(`went back to ${at} from ${before.get(source)}`)
      if (at > (floors.get(source) ?? '')) floors.set(source, at)
      this.#claims.push({
        source,
        collection,
        at,
        values: wanted.map((id, n) => {
          const value = values[n]
          return [id, value === undefined ? undefined : digestOf(value)]
        }),
      })
      return true
    } catch (error) {
      if (!(error instanceof ReplicaError)) throw error
      this.#failures[error.code] = (this.#failures[error.code] ?? 0) + 1
      return false
    }
  }
}

/** Numbers of the database come as text. */
const textOf = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value)
