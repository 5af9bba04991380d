import { Backoff, type BackoffOptions, type Clock, type Log } from '@freshet/kit'
import {
  badIdDetail,
  isValidId,
  placeOf,
  type CollectionPlace,
  type Id,
  type IdType,
} from '@freshet/protocol'
import { deferred } from './deferred.ts'
import { ReplicaError } from './errors.ts'
import type { BoundedReads } from './bounded-reads.ts'

/** `checking`: nobody may read it until the answer is there. `refused`: it cannot be followed exactly. */
type CollectionStatus =
  | { readonly kind: 'checking' }
  | { readonly kind: 'exact' }
  | { readonly kind: 'refused'; readonly reason: string }

const checking: CollectionStatus = { kind: 'checking' }
const exact: CollectionStatus = { kind: 'exact' }

/**
 * Which collections may be served: the source is asked at each new epoch and whenever a definition changed. Views,
 * capped collections and collations break the rules that the cache stands on.
 */
export class ServedCollections {
  readonly #idTypes = new Map<string, IdType>()
  readonly #statuses = new Map<string, CollectionStatus>()
  readonly #sourceReads: BoundedReads
  readonly #clock: Clock
  readonly #log: Log
  readonly #retry: BackoffOptions
  readonly #random: () => number
  readonly #stopping = new AbortController()
  /** What the next check has to ask for. */
  readonly #pending = new Set<string>()
  #checking = false
  #blocked = 0
  #changed = deferred<void>()

  /** @throws {ReplicaError} COLLECTION_NOT_EXACT: a name that can stand in no key. */
  constructor(parts: {
    readonly collections: ReadonlyMap<string, CollectionPlace>
    readonly sourceReads: BoundedReads
    readonly clock: Clock
    readonly log: Log
    readonly retry: BackoffOptions
    readonly random: () => number
  }) {
    for (const [name, place] of parts.collections) {
      if (name.includes('/')) throw notExact(name, 'its name holds a slash, which ends the name in a key')
      this.#idTypes.set(name, placeOf(name, place).idType)
      this.#set(name, checking)
    }
    this.#sourceReads = parts.sourceReads
    this.#clock = parts.clock
    this.#log = parts.log
    this.#retry = parts.retry
    this.#random = parts.random
  }

  /** How many collections may not be read now; zero lets the hot path skip the look at the name. */
  get blocked(): number {
    return this.#blocked
  }

  /** Settles at the next change of any verdict. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** @throws {ReplicaError} UNKNOWN_COLLECTION */
  expect(collection: string): void {
    if (this.#statuses.has(collection)) return
    throw new ReplicaError('UNKNOWN_COLLECTION', `expected a served collection, got '${collection}'`)
  }

  /**
   * Documents with other texts as ids may be stored, but no change names them, so nobody can cache them; and another
   * spelling of an id is the id of a document that may be there. To call them absent would be a lie.
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

  /** @throws {ReplicaError} COLLECTION_NOT_EXACT; returns whether it may be read now, and not only later. */
  mayRead(collection: string): boolean {
    const verdict = this.#statuses.get(collection)
    if (verdict?.kind === 'refused') {
      throw notExact(collection, verdict.reason)
    }
    return verdict?.kind === 'exact'
  }

  /** The refused collections with the reasons. */
  refused(): Record<string, string> {
    const reasons: Record<string, string> = {}
    for (const [name, verdict] of this.#statuses)
      if (verdict.kind === 'refused') reasons[name] = verdict.reason
    return reasons
  }

  /** Every collection must be looked at again. */
  recheckAll(): void {
    this.#recheck([...this.#statuses.keys()])
  }

  /** The definition of this collection may have changed. */
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

  /** One check at a time: a definition may change in each of a thousand positions of a batch. */
  async #checkAll(): Promise<void> {
    this.#checking = true
    const backoff = new Backoff(this.#retry, this.#random)
    while (this.#pending.size > 0 && !this.#stopping.signal.aborted) {
      const names = [...this.#pending]
      this.#pending.clear()
      try {
        await this.#check(names)
        backoff.reset()
      } catch (error) {
        for (const name of names) this.#pending.add(name)
        this.#log.warn({ collections: names, err: error }, 'could not check the collections, trying again')
        await this.#clock.sleep(backoff.next(), this.#stopping.signal)
      }
    }
    this.#checking = false
  }

  /** What was asked for anew meanwhile belongs to the next check: this answer may be older than the change. */
  async #check(names: readonly string[]): Promise<void> {
    const reasons = await this.#sourceReads.check(names)
    for (const name of names) if (!this.#pending.has(name)) this.#applyResult(name, reasons.get(name))
    const changed = this.#changed
    this.#changed = deferred()
    changed.resolve()
  }

  #applyResult(name: string, reason: string | undefined): void {
    if (reason === undefined) return this.#set(name, exact)
    this.#log.error({ collection: name, reason }, 'this collection cannot be served exactly and is refused')
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
