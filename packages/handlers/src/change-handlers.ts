import type { Clock, Log } from '@freshet/kit'
import { formatLineage, isHandlerName, parseLineage } from '@freshet/protocol'
import { Breaker, defaultBucketLimits } from './breaker.ts'
import type { ChangeHandler, HandlerRefusal, HandlerStatus } from './contract.ts'
import { Echoes } from './echoes.ts'
import { HandlerError } from './errors.ts'
import { HandlerRuns } from './handler-runs.ts'
import { writerOrigins } from './lineage-fetch.ts'
import { hearStarts } from './unseen-starts.ts'
import type { BucketLimits } from './breaker-bucket.ts'

/** Options for a service's handlers. Only `service` is required. */
export interface HandlerOptions {
  /** Prefix of its handlers' names, unique among all services of a database: `stock`. */
  readonly service: string
  /** Maximum number of handlers in the lineage of a write by a watched client. Default 1. */
  readonly maxHops?: number
  /**
   * When the breaker opens. Default: after 100 writing calls because of one document, plus one per second; for 5
   * minutes.
   */
  readonly bucket?: BucketLimits
  /**
   * Origins of the writers that handlers call with their `fetch`: `['http://writer:8080']`. Only these receive a
   * request's lineage, which names documents. Default: none.
   */
  readonly writers?: readonly string[]
  /** Called for every refusal after it was counted and logged. Must not throw. */
  readonly onRefusal?: (refusal: HandlerRefusal) => void
}

export interface ChangeHandlersParts extends HandlerOptions {
  /** The followed database. */
  readonly database: string
  readonly clock: Clock
  readonly log: Log
}

interface Running {
  readonly runs: HandlerRuns
  readonly echoes: Echoes
  readonly starts: Disposable
}

/** The handlers of one service. */
export class ChangeHandlers {
  readonly #parts: ChangeHandlersParts
  readonly #writers: ReadonlySet<string>
  readonly #handlers = new Map<string, Running>()

  /** @throws {HandlerError} BAD_HANDLER: a writer is not an origin. */
  constructor(parts: ChangeHandlersParts) {
    this.#parts = parts
    this.#writers = writerOrigins(parts.writers ?? [])
  }

  /**
   * @throws {HandlerError} BAD_HANDLER: the name is invalid or taken, or a collection's name does not fit into a
   * header.
   */
  add(handler: ChangeHandler): HandlerRuns {
    const {
      service,
      database,
      maxHops = 1,
      bucket = defaultBucketLimits,
      clock,
      log,
      onRefusal,
    } = this.#parts
    const name = `${service}/${handler.name}`
    if (!isHandlerName(name))
      throw new HandlerError('BAD_HANDLER', `expected names of a-z 0-9 _ -, got ${JSON.stringify(name)}`)
    if (this.#handlers.has(handler.name)) throw new HandlerError('BAD_HANDLER', `there is a ${name} already`)
    checkCollections(name, handler)
    const echoes = new Echoes(handler.collections, clock)
    const runs = new HandlerRuns(handler, {
      name,
      database,
      maxHops,
      breaker: new Breaker(bucket, clock),
      echoes,
      eachEchoes: (tell) => {
        for (const { echoes } of this.#handlers.values()) tell(echoes)
      },
      writers: this.#writers,
      log,
      onRefusal,
    })
    this.#handlers.set(handler.name, { runs, echoes, starts: hearStarts() })
    return runs
  }

  /** Removes a handler. Idempotent. */
  remove({ name }: ChangeHandler): void {
    this.#handlers.get(name)?.starts[Symbol.dispose]()
    this.#handlers.delete(name)
  }

  status(): readonly HandlerStatus[] {
    return [...this.#handlers.values()].map(({ runs }) => runs.status())
  }
}

/**
 * Headers are ASCII and separate collections by spaces. A name that would not survive that is rejected before any
 * request.
 */
function checkCollections(handler: string, { collections, allowWrites = [] }: ChangeHandler): void {
  const all = [...collections, ...allowWrites.map(({ collection }) => collection)]
  const bad = all.find((collection) => !canBeTold(handler, collection))
  if (bad !== undefined)
    throw new HandlerError(
      'BAD_HANDLER',
      `${handler} needs collections named in ASCII, got ${JSON.stringify(bad)}`,
    )
}

function canBeTold(handler: string, collection: string): boolean {
  try {
    const [hop] = parseLineage(formatLineage([{ handler, heard: collection, writes: [collection] }])) ?? []
    return hop?.heard === collection && hop.writes.length === 1 && hop.writes[0] === collection
  } catch {
    // The library throws for anything that does not fit into a header.
    return false
  }
}
