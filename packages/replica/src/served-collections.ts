import { ChangeStreamError } from '@freshet/change-stream'
import { Backoff, type BackoffOptions, type Clock, type Log } from '@freshet/kit'
import {
  badIdDetail,
  isValidId,
  placeOf,
  type CollectionPlace,
  type Id,
  type IdType,
} from '@freshet/protocol'
import { deferred } from './deadline.ts'
import { ReplicaError } from './errors.ts'
import type { BoundedReads } from './bounded-reads.ts'

/** `checking`: not readable until the check completes. `refused`: it cannot be followed exactly. */
type CollectionStatus =
  | { readonly kind: 'checking' }
  | { readonly kind: 'exact' }
  | { readonly kind: 'refused'; readonly reason: string }

const checking: CollectionStatus = { kind: 'checking' }
const exact: CollectionStatus = { kind: 'exact' }

/**
 * Which collections may be served. Definitions are checked at each new epoch and whenever one changes: views, capped
 * collections and collations break the assumptions of the cache.
 */
export class ServedCollections {
  readonly #idTypes = new Map<string, IdType>()
  readonly #statuses = new Map<string, CollectionStatus>()
  readonly #sourceReads: BoundedReads
  readonly #clock: Clock
  readonly #log: Log
  readonly #retry: BackoffOptions
  readonly #random: () => number
  /** The reasons in the log of collections that were not served since. */
  readonly #logged = new Map<string, string>()
  readonly #stopping = new AbortController()
  /** Collections for the next check. */
  readonly #pending = new Set<string>()
  #checking = false
  #checkRefused = false
  #blocked = 0
  #changed = deferred<void>()

  /** @throws {ReplicaError} COLLECTION_NOT_EXACT: the name contains a slash. */
  constructor(parts: {
    readonly collections: ReadonlyMap<string, CollectionPlace>
    readonly sourceReads: BoundedReads
    readonly clock: Clock
    readonly log: Log
    readonly retry: BackoffOptions
    readonly random: () => number
  }) {
    for (const [name, place] of parts.collections) {
      if (name.includes('/'))
        throw notExact(name, 'its name contains a slash, which ends the collection name in a key')
      this.#idTypes.set(name, placeOf(name, place).idType)
      this.#set(name, checking)
    }
    this.#sourceReads = parts.sourceReads
    this.#clock = parts.clock
    this.#log = parts.log
    this.#retry = parts.retry
    this.#random = parts.random
  }

  /** The number of collections that may not be read now. At zero the hot path skips the check by name. */
  get blocked(): number {
    return this.#blocked
  }

  /** Whether the latest check failed for a reason that waiting does not heal. */
  get checkRefused(): boolean {
    return this.#checkRefused
  }

  /** Resolves when a check completes. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** @throws {ReplicaError} UNKNOWN_COLLECTION */
  expect(collection: string): void {
    if (this.#statuses.has(collection)) return
    throw new ReplicaError('UNKNOWN_COLLECTION', `expected a served collection, got '${collection}'`)
  }

  /**
   * Documents with other ids may exist but never appear in the feed, and a different spelling may denote an existing
   * document. Reporting either as absent would be wrong.
   * @throws {ReplicaError} BAD_ID
   */
  expectIds(collection: string, ids: readonly Id[]): void {
    const idType = this.#idTypes.get(collection)
    if (idType === undefined) return
    for (const id of ids)
      if (!isValidId(idType, id)) throw new ReplicaError('BAD_ID', badIdDetail(idType, id))
  }

  isBlocked(collection: string): boolean {
    return this.#statuses.get(collection)?.kind !== 'exact'
  }

  isRefused(collection: string): boolean {
    return this.#statuses.get(collection)?.kind === 'refused'
  }

  /** Whether the collection may be read now. @throws {ReplicaError} COLLECTION_NOT_EXACT */
  mayRead(collection: string): boolean {
    const verdict = this.#statuses.get(collection)
    if (verdict?.kind === 'refused') {
      throw notExact(collection, verdict.reason)
    }
    return verdict?.kind === 'exact'
  }

  /** The refused collections and their reasons. */
  refused(): Record<string, string> {
    const reasons: Record<string, string> = {}
    for (const [name, verdict] of this.#statuses)
      if (verdict.kind === 'refused') reasons[name] = verdict.reason
    return reasons
  }

  /** Checks every collection again. */
  recheckAll(): void {
    this.#recheck([...this.#statuses.keys()])
  }

  /** Checks a collection whose definition may have changed. */
  recheck(collection: string): void {
    if (this.#statuses.has(collection)) this.#recheck([collection])
  }

  stop(): void {
    this.#stopping.abort()
  }

  #recheck(collections: readonly string[]): void {
    for (const name of collections) {
      this.#set(name, checking)
      this.#pending.add(name)
    }
    if (!this.#checking) void this.#checkAll()
  }

  /** One check at a time: a batch may contain a thousand changes of definitions. */
  async #checkAll(): Promise<void> {
    this.#checking = true
    const backoff = new Backoff(this.#retry, this.#random)
    while (this.#pending.size > 0 && !this.#stopping.signal.aborted) {
      const names = [...this.#pending]
      this.#pending.clear()
      try {
        await this.#check(names)
        backoff.reset()
        this.#checkRefused = false
      } catch (error) {
        this.#checkRefused = error instanceof ChangeStreamError && !error.retry
        for (const name of names) this.#pending.add(name)
        this.#log.warn({ collections: names, err: error }, 'could not check the collections, retrying')
        await this.#clock.sleep(backoff.next(), this.#stopping.signal)
      }
    }
    this.#checking = false
  }

  /** Ignores results for collections queued again in the meantime: the result may be older than their change. */
  async #check(names: readonly string[]): Promise<void> {
    const reasons = await this.#sourceReads.check(names)
    for (const name of names) if (!this.#pending.has(name)) this.#applyResult(name, reasons.get(name))
    const changed = this.#changed
    this.#changed = deferred()
    changed.resolve()
  }

  #applyResult(name: string, reason: string | undefined): void {
    const logged = this.#logged.get(name)
    if (reason === undefined) {
      if (this.#logged.delete(name)) this.#log.info({ collection: name }, 'the collection is served again')
      return this.#set(name, exact)
    }
    this.#logged.set(name, reason)
    if (reason !== logged)
      this.#log.error({ collection: name, reason }, 'the collection cannot be served exactly and is refused')
    this.#set(name, { kind: 'refused', reason })
  }

  #set(name: string, verdict: CollectionStatus): void {
    const old = this.#statuses.get(name)
    if ((old === undefined || old.kind === 'exact') && verdict.kind !== 'exact') this.#blocked += 1
    if (old !== undefined && old.kind !== 'exact' && verdict.kind === 'exact') this.#blocked -= 1
    this.#statuses.set(name, verdict)
  }
}

function notExact(collection: string, reason: string): ReplicaError {
  return new ReplicaError('COLLECTION_NOT_EXACT', `'${collection}' cannot be followed exactly: ${reason}`)
}
