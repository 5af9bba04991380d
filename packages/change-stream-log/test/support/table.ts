import { Recorder } from '@freshet/change-stream/conformance'
import { Follower, type Batch } from '@freshet/change-stream'
import { systemClock, type Log } from '@freshet/kit'
import type { IdType } from '@freshet/protocol'
import { eventually, silentLog } from '@freshet/testkit'
import { LogSource, type LogSourceOptions, type LogTransport } from '../../src/index.ts'

export interface TableOptions extends Partial<LogSourceOptions> {
  readonly idType?: IdType
  /** Default: `shop`. */
  readonly database?: string
  readonly log?: Log
}

/** A log that may know its end. */
type Topic = LogTransport & { readonly end?: number }

/** The table `products` as a follower of the log sees it. Its errors are recorded. */
export class FollowedTable extends Recorder implements AsyncDisposable {
  readonly #follower: Follower
  readonly #topic: Topic
  /** The documents, as text. */
  readonly rows = new Map<string, string>()
  /** The rows after each batch that was proved, so as they are served. */
  readonly shown: string[] = []
  /** The messages of all errors. */
  readonly reasons: string[] = []
  #epochProved = false

  constructor(
    topic: Topic,
    { idType = 'string', database = 'shop', log = silentLog, ...options }: TableOptions = {},
  ) {
    super()
    this.#topic = topic
    const collections = new Map([['products', idType]])
    const source = new LogSource({
      transport: topic,
      database,
      collections,
      clock: systemClock,
      log,
      options,
    })
    this.#follower = new Follower({
      source,
      sink: this,
      clock: systemClock,
      random: () => 0,
      pace: { firstMs: 10, maxMs: 20, spreadMs: 0 },
    })
    this.#follower.start()
  }

  override begin(...args: Parameters<Recorder['begin']>): void {
    super.begin(...args)
    this.rows.clear()
    this.#epochProved = false
  }

  override broken(error: Error): void {
    super.broken(error)
    this.reasons.push(error.message)
  }

  override apply(batch: Batch): void {
    super.apply(batch)
    for (const change of batch.changes) {
      if (change.kind === 'upsert') this.rows.set(change.id, Buffer.from(change.document).toString())
      else if (change.kind === 'delete') this.rows.delete(change.id)
      else if (change.kind === 'drop-collection') this.rows.clear()
      else throw new Error(`expected the whole content, got ${change.kind}`)
    }
    this.#epochProved ||= Number.isFinite(batch.provedAt)
    const shown = JSON.stringify(this.content())
    if (this.#epochProved && this.shown.at(-1) !== shown) this.shown.push(shown)
  }

  /** The values by id. */
  content(): Readonly<Record<string, unknown>> {
    const ids = [...this.rows.keys()].toSorted()
    return Object.fromEntries(ids.map((id) => [id, JSON.parse(this.rows.get(id) ?? '').value]))
  }

  /** Resolves when the present end of the log was reached and proved. */
  async reached(): Promise<void> {
    await eventually(() => {
      const { last } = this
      const through = Number.parseInt(last?.through ?? '0', 16)
      const { end = 0 } = this.#topic
      if (last === undefined || through < end || !Number.isFinite(last.provedAt))
        throw new Error(`at ${through} of ${end}, errors ${this.errors.slice(-3).join(', ')}`)
    })
  }

  /** Resolves when this error has occurred. */
  async failed(code: string): Promise<void> {
    await eventually(() => {
      if (!this.errors.includes(code)) throw new Error(`errors ${this.errors.join(', ')}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower.stop()
  }
}
