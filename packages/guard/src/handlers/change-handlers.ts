import type { Clock, Log } from '@freshet/kit'
import { formatLineage, isHandlerName, parseLineage } from '@freshet/protocol'
import { GuardError } from '../errors.ts'
import { Breaker, defaultBucketLimits } from './breaker.ts'
import { causeOfProcess } from './cause.ts'
import type { ChangeHandler, HandlerRefusal, HandlerStatus } from './contract.ts'
import { Echoes } from './echoes.ts'
import { HandlerRuns } from './handler-runs.ts'
import { hookRequests } from './outgoing.ts'
import type { BucketLimits } from './token-bucket.ts'

/** What a service says of its handlers; the rest has defaults. */
export interface HandlerOptions {
  /** The first half of the handlers' names; unique among all services of a database: `stock`. */
  readonly service: string
  /** How many handlers may lie between a write of its own client and one that is nobody's; 1 by default. */
  readonly maxHops?: number
  /** When the breaker opens; by default after 100 calls that write because of one document, and one a second more; then for 5 minutes. */
  readonly bucket?: BucketLimits
  /**
   * Which origins are told why they are called, of all that a handler calls by `fetch`: the names of the documents are
   * in it. All by default; `(origin) => origin === 'http://writer:8080'` is better where handlers call strangers.
   */
  readonly tells?: (origin: string) => boolean
  /** Hears of every refusal, after it was counted and logged. Must not throw. */
  readonly onRefusal?: (refusal: HandlerRefusal) => void
}

export interface ChangeHandlersParts extends HandlerOptions {
  /** The database that is followed. */
  readonly database: string
  readonly clock: Clock
  readonly log: Log
}

interface Running {
  readonly runs: HandlerRuns
  readonly echoes: Echoes
  readonly hook: Disposable
}

/** The handlers of one service. */
export class ChangeHandlers {
  readonly #parts: ChangeHandlersParts
  readonly #handlers = new Map<string, Running>()

  constructor(parts: ChangeHandlersParts) {
    this.#parts = parts
  }

  /** @throws {GuardError} BAD_HANDLER: its name is not of the form, or taken, or a collection's cannot be told. */
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
      throw new GuardError('BAD_HANDLER', `expected names of a-z 0-9 _ -, got ${JSON.stringify(name)}`)
    if (this.#handlers.has(handler.name)) throw new GuardError('BAD_HANDLER', `there is a ${name} already`)
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
      tells: (origin) => this.#tells(origin),
      log,
      onRefusal,
    })
    this.#handlers.set(handler.name, { runs, echoes, hook: hookRequests() })
    return runs
  }

  /** Forgets a handler; one that is not there is fine. */
  remove({ name }: ChangeHandler): void {
    this.#handlers.get(name)?.hook[Symbol.dispose]()
    this.#handlers.delete(name)
  }

  status(): readonly HandlerStatus[] {
    return [...this.#handlers.values()].map(({ runs }) => runs.status())
  }

  /** Is asked in the middle of a request, where an error would be taken for one of the runtime. */
  #tells(origin: string): boolean {
    const { tells, log } = this.#parts
    try {
      return tells?.(origin) ?? true
    } catch (err) {
      log.error({ origin, err }, '`tells` threw; the origin is told')
      return true
    }
  }
}

/** Headers are ASCII, and list collections by spaces: whatever does not come back from one is found here, and not in a request. */
function checkCollections(handler: string, { collections, allowWrites = [] }: ChangeHandler): void {
  const all = [...collections, ...allowWrites.map(({ collection }) => collection)]
  const bad = all.find((collection) => !canBeTold(handler, collection))
  if (bad !== undefined)
    throw new GuardError(
      'BAD_HANDLER',
      `${handler} needs collections named in ASCII, got ${JSON.stringify(bad)}`,
    )
}

function canBeTold(handler: string, collection: string): boolean {
  try {
    const [hop] = parseLineage(formatLineage([{ handler, heard: collection, writes: [collection] }])) ?? []
    return hop?.heard === collection && hop.writes.length === 1 && hop.writes[0] === collection
  } catch {
    // The library throws for whatever cannot stand in a header.
    return false
  }
}

/**
 * Says that this process only reads: whatever it calls by `fetch` is told that it descends from a reader, which may
 * write nothing, and a client that is watched refuses every write. Holds until it is disposed of.
 * @param name `reader`, `delivery`.
 */
export function onlyReads(name: string): Disposable {
  const lineage = [{ handler: `${name}/process`, heard: '*', writes: [] }]
  const judge = (): never => {
    throw new GuardError('UNDECLARED_WRITE', `this process (${name}) only reads`)
  }
  causeOfProcess({ lineage, database: undefined, tells: () => true, judge, started: () => undefined })
  const hook = hookRequests()
  return {
    [Symbol.dispose]: () => {
      causeOfProcess(undefined)
      hook[Symbol.dispose]()
    },
  }
}
