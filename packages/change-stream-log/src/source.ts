import { ChangeStreamError, type Batch, type ChangeSource, type Origin } from '@freshet/change-stream'
import type { Clock, Log } from '@freshet/kit'
import {
  highOf,
  lowOf,
  parseSourceId,
  positionOf,
  POSITION_ZERO,
  type CollectionPlace,
  type Position,
  type SourceId,
} from '@freshet/protocol'
import { createHash } from 'node:crypto'
import { LogAssembler } from './assembler.ts'
import { FollowedTables } from './collections.ts'
import { defaultLogSourceOptions, type LogSourceOptions } from './options.ts'
import { Proofs } from './proofs.ts'
import type { LogChunk, LogTransport } from './transport.ts'

export interface LogSourceParts {
  readonly transport: LogTransport
  /** The database whose tables are followed, as Debezium names it in `source.db`. */
  readonly database: string
  /** `stored`: a table, such as `orders` or `sales.orders`. */
  readonly collections: ReadonlyMap<string, CollectionPlace>
  readonly clock: Clock
  readonly log: Log
  readonly options?: Partial<LogSourceOptions>
}

/** What was read of a log so far. */
interface Progress {
  readonly source: SourceId
  readonly assembler: LogAssembler
  /** Where the next chunk begins. */
  next: number
  /** The position that the consumer has. */
  at: Position
  live: boolean
  readonly proofs: Proofs
}

/**
 * The changes of a log that Debezium writes. A position is the offset behind the last whole transaction. Every epoch reads the
 * log from its beginning.
 */
export class LogSource implements ChangeSource {
  readonly #parts: LogSourceParts
  readonly #options: LogSourceOptions
  #progress: Progress | undefined

  /** @throws {TypeError} a collection has no valid table. */
  constructor(parts: LogSourceParts) {
    this.#parts = parts
    this.#options = { ...defaultLogSourceOptions, ...parts.options }
    this.#tables()
  }

  /** Offsets carry no time. */
  wallTimeMs(): undefined {
    return undefined
  }

  async start(signal: AbortSignal): Promise<Origin> {
    this.#progress = undefined
    const { source } = await this.#identify(signal)
    return { source, at: POSITION_ZERO }
  }

  async *read(origin: Origin, signal: AbortSignal): AsyncGenerator<Batch, void> {
    const { source, id } = await this.#identify(signal)
    if (signal.aborted) return
    if (source !== origin.source)
      throw new ChangeStreamError('SOURCE_CHANGED', `expected the log ${origin.source}, got ${source}`)
    const progress = this.#resume(origin)
    const from = offsetOf(origin.at)
    for await (const chunk of this.#parts.transport.read(id, progress.next, signal)) {
      if (signal.aborted) return
      // A chunk that fails leaves nothing that could be continued.
      this.#progress = undefined
      const batch = this.#batch(chunk, progress, from)
      this.#progress = progress
      if (batch !== undefined) yield batch
    }
  }

  /** @param from what the consumer has already: it is read again only to know where each row stands. */
  #batch(chunk: LogChunk, progress: Progress, from: number): Batch | undefined {
    const { assembler, proofs } = progress
    if (chunk.removed) assembler.removed(chunk.end)
    for (const record of chunk.records) {
      assembler.record(record)
      if (assembler.through <= from) assembler.take()
    }
    progress.next = chunk.next
    proofs.seen(chunk)
    if (chunk.next >= chunk.end) proofs.ended(chunk.askedAt, assembler.hasBeats)
    const wasLive = progress.live
    const proved =
      chunk.next >= chunk.end &&
      assembler.isWhole &&
      assembler.through >= from &&
      !(wasLive && assembler.isOpen)
    if (proved && !wasLive) {
      assembler.goLive()
      progress.live = true
    }
    if (proved) proofs.proved(chunk.askedAt, wasLive)
    if (assembler.through < from) return undefined
    progress.at = positionOfOffset(assembler.through)
    return { changes: assembler.take(), through: progress.at, ...proofs.latest }
  }

  /** Continues where the latest read ended, or reads from the beginning. */
  #resume({ source, at }: Origin): Progress {
    const progress = this.#progress
    if (progress?.source === source && progress.at === at && at !== POSITION_ZERO) return progress
    const assembler = new LogAssembler(this.#tables(), this.#options.maxOpenBytes)
    const proofs = new Proofs(this.#parts, this.#options.beatWithinMs)
    return { source, assembler, next: 0, at: POSITION_ZERO, live: false, proofs }
  }

  #tables(): FollowedTables {
    return new FollowedTables(this.#parts.database, this.#parts.collections)
  }

  /** @throws {ChangeStreamError} */
  async #identify(signal: AbortSignal): Promise<{ readonly source: SourceId; readonly id: string }> {
    const { id, fault, remedy } = await this.#parts.transport.identify(signal)
    if (fault !== undefined)
      throw new ChangeStreamError('UNSUPPORTED', `expected a log that is complete, ${fault}`, { remedy })
    const source = parseSourceId(createHash('sha256').update(`log/${id}`).digest('hex').slice(0, 8))
    if (source === undefined)
      throw new ChangeStreamError('UNSUPPORTED', 'could not hash the identity of the log')
    return { source, id }
  }
}

/** One more than the offset of the last record. */
function positionOfOffset(offset: number): Position {
  return positionOf(Math.floor(offset / 2 ** 32), offset % 2 ** 32)
}

/** The offset behind a position. */
function offsetOf(position: Position): number {
  return highOf(position) * 2 ** 32 + lowOf(position)
}
