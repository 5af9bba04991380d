import { ChangeStreamError, type Batch, type ChangeSource, type Origin } from '@freshet/change-stream'
import type { Clock, MonotonicMs } from '@freshet/kit'
import { POSITION_ZERO, type Position } from '@freshet/protocol'
import { publishedStates, type Query, type Table } from '@freshet/postgres-rules'
import { TransactionAssembler, type Assembled } from './assembler.ts'
import type { ChangedDefinitions } from './changed-definitions.ts'
import { createSlot } from './create-slot.ts'
import { changeStreamErrorOf } from './errors.ts'
import { Proofs, type Fences } from './fences.ts'
import { identify, type FollowedServer } from './identity.ts'
import type { LogPosition } from './log-position.ts'
import type { PostgresSourceOptions } from './options.ts'
import type { PublishedTables } from './published-tables.ts'
import type { ReadOnlyUser } from './read-only-user.ts'
import type { ReplicationStream } from './replication-stream.ts'
import { inspectServer, serverBehind, waitForRunning } from './server.ts'
import type { AppliedTransactions } from './transactions.ts'

export interface PostgresSourceParts {
  /** Opens the connection of the feed. */
  readonly open: () => Promise<ReplicationStream>
  readonly query: Query
  readonly user: Pick<ReadOnlyUser, 'prove'>
  readonly tables: ReadonlyMap<string, Table>
  readonly publication: string
  readonly applied: AppliedTransactions
  readonly followed: FollowedServer
  readonly log: LogPosition
  readonly fences: Fences
  readonly published: PublishedTables
  readonly clock: Clock
  readonly options: PostgresSourceOptions
}

/** A temporary slot with the connection that owns it. */
interface Held extends Origin {
  readonly stream: ReplicationStream
  readonly slot: string
}

/**
 * The changes of one PostgreSQL database by logical replication. The slot is temporary: a reader that dies retains no log. So a
 * broken connection loses the history, and the next epoch begins with a new slot.
 */
export class PostgresSource implements ChangeSource {
  readonly #parts: PostgresSourceParts
  #held: Held | undefined

  constructor(parts: PostgresSourceParts) {
    this.#parts = parts
  }

  /** Log positions carry no time. */
  wallTimeMs(): undefined {
    return undefined
  }

  /** Takes as long as transactions that are running now, because their commits may be in the log but not visible yet. */
  async start(signal: AbortSignal): Promise<Origin> {
    const { query, user, tables, publication, options, followed, applied, fences, published, clock } =
      this.#parts
    this.close()
    const inspected = await inspectServer(query, publication)
    await user.prove()
    const stream = await this.#parts.open()
    const close = (): void => stream.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      const server = await serverBehind(stream, options.replyWithinMs)
      followed.followed(server)
      // During a fail-over one address may lead to two servers.
      followed.expect(inspected)
      const source = await identify(stream, options.replyWithinMs)
      const states = await publishedStates(query, [...tables.values()], publication)
      const { slot, at } = await createSlot(stream, { query, clock, withinMs: options.startWithinMs })
      await waitForRunning(query, clock, options.startWithinMs, signal)
      applied.clear()
      published.begin(states)
      fences.restart(at)
      this.#held = { source, at, stream, slot }
      return { source, at }
    } catch (error) {
      stream.close()
      throw changeStreamErrorOf(error, 'start to follow the database')
    } finally {
      signal.removeEventListener('abort', close)
    }
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncGenerator<Batch, void> {
    const { stream, slot } = await this.#take(origin)
    const { fences, options, publication, tables, applied, clock } = this.#parts
    const assembler = new TransactionAssembler({
      from: origin.at,
      tables,
      maxOpenBytes: options.maxOpenBytes,
    })
    const feed = new Receiving(stream, assembler, clock, options)
    const proofs = new Proofs()
    const ending = new AbortController()
    const end = (): void => {
      ending.abort()
      feed.wake()
    }
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    stream.start(slot, origin.at, publication, feed)
    const proving = this.#prove(feed, assembler, proofs, ending.signal)
    try {
      let { at } = origin
      let provedAt: MonotonicMs = Number.NEGATIVE_INFINITY
      for (;;) {
        const taken = feed.take()
        fences.reach(taken.through)
        const proved = proofs.at(taken.through)
        if (!ending.signal.aborted && (taken.through > at || proved > provedAt)) {
          applied.add(taken.applied)
          yield { changes: taken.changes, through: taken.through, provedAt: proved, aliveAt: proved }
          at = taken.through
          provedAt = proved
          feed.consumed = at
        } else {
          if (ending.signal.aborted) return
          if (feed.failure !== undefined) throw feed.failure
          await feed.woken()
        }
      }
    } finally {
      signal.removeEventListener('abort', end)
      ending.abort()
      stream.close()
      await proving
    }
  }

  /** Drops the slot of a start that was not read. */
  close(): void {
    this.#held?.stream.close()
    this.#held = undefined
  }

  /** The slot for a read. @throws {ChangeStreamError} SOURCE_CHANGED, HISTORY_LOST, DISCONNECTED */
  async #take(origin: Origin): Promise<Held> {
    const held = this.#held
    this.#held = undefined
    if (held?.source === origin.source && held.at <= origin.at) return { ...held, ...origin }
    held?.stream.close()
    // While the database is unreachable, the state so far is still exact, and may be served.
    const stream = await this.#parts.open()
    try {
      const source = await identify(stream, this.#parts.options.replyWithinMs)
      if (source !== origin.source)
        throw new ChangeStreamError('SOURCE_CHANGED', `expected source ${origin.source}, got ${source}`)
      throw new ChangeStreamError('HISTORY_LOST', 'the connection broke, and its temporary slot with it', {
        remedy:
          'None needed. If it happens often, check the network, wal_sender_timeout and max_slot_wal_keep_size.',
      })
    } finally {
      stream.close()
    }
  }

  /** Asks for the head of the log again and again, and reports progress to the server. */
  async #prove(
    feed: Receiving,
    assembler: TransactionAssembler,
    proofs: Proofs,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, fences, options, published } = this.#parts
    while (!signal.aborted) {
      const askedAt = clock.now()
      // Without an answer nothing is proved, and the age of the state grows.
      const head: Position | undefined = await log.head().catch(() => undefined)
      if (signal.aborted) return
      if (head !== undefined) {
        proofs.add({ askedAt, head })
        fences.want(head)
        feed.wake()
      }
      feed.report()
      await this.#tellNext(assembler.definitions)
      // If it fails, it is asked again.
      const settled = await published.settled().catch(() => [])
      for (const collection of settled) assembler.checkAgain(collection)
      await clock.sleep(options.proveEveryMs, signal)
    }
  }

  /** Until it is known which transactions may have begun before a change of definitions, no document of such types is made. */
  async #tellNext(definitions: ChangedDefinitions): Promise<void> {
    if (!definitions.unknown) return
    const asked = definitions.changes
    // Without an answer it is asked again.
    const next = await this.#parts.log.nextTransaction().catch(() => undefined)
    if (next !== undefined && asked === definitions.changes) definitions.next(next)
  }
}

/** Receives a stream, as fast as its changes are consumed. */
class Receiving {
  readonly #stream: ReplicationStream
  readonly #assembler: TransactionAssembler
  readonly #clock: Clock
  readonly #options: PostgresSourceOptions
  #heardAt: MonotonicMs
  #paused = false
  #wake: () => void = () => undefined
  #awake = false
  /** Why the stream ended. */
  failure: ChangeStreamError | undefined
  /** What the consumer has applied. */
  consumed: Position | undefined

  constructor(
    stream: ReplicationStream,
    assembler: TransactionAssembler,
    clock: Clock,
    options: PostgresSourceOptions,
  ) {
    this.#stream = stream
    this.#assembler = assembler
    this.#clock = clock
    this.#options = options
    this.#heardAt = clock.now()
  }

  message(bytes: Buffer): void {
    this.#heardAt = this.#clock.now()
    this.#assembler.message(bytes)
    if (!this.#paused && this.#assembler.readyBytes > this.#options.maxReadyBytes) {
      this.#paused = true
      this.#stream.pause()
    }
    this.wake()
  }

  keepalive(end: Position): void {
    this.#heardAt = this.#clock.now()
    this.#assembler.keepalive(end)
    this.wake()
  }

  ended(error: ChangeStreamError): void {
    this.failure = error
    this.wake()
  }

  /** Tells the server what it need not keep, so also that this side is alive, and checks whether the server is. */
  report(): void {
    const { silentAfterMs } = this.#options
    const silentMs = this.#paused ? 0 : this.#clock.now() - this.#heardAt
    if (silentMs > silentAfterMs)
      this.ended(
        new ChangeStreamError('DISCONNECTED', `the server sent nothing for ${Math.round(silentMs)} ms`),
      )
    else this.#stream.status(this.consumed ?? POSITION_ZERO, silentMs > silentAfterMs / 2)
  }

  take(): Assembled {
    this.#awake = false
    const taken = this.#assembler.take()
    if (this.#paused) {
      this.#paused = false
      this.#heardAt = this.#clock.now()
      this.#stream.resume()
    }
    return taken
  }

  wake(): void {
    this.#awake = true
    this.#wake()
  }

  /** Resolves when something has happened since the latest `take`. */
  async woken(): Promise<void> {
    if (this.#awake) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }
}
