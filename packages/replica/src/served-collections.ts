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
type Verdict =
  | { readonly kind: 'checking' }
  | { readonly kind: 'exact' }
  | { readonly kind: 'refused'; readonly reason: string }

const checking: Verdict = { kind: 'checking' }
const exact: Verdict = { kind: 'exact' }

/**
 * Which collections may be served: the source is asked at each new epoch and whenever a definition changed. Views,
 * capped collections and collations break the rules that the cache stands on.
 */
export class ServedCollections {
  readonly #idTypes = new Map<string, IdType>()
  readonly #verdicts = new Map<string, Verdict>()
  readonly #sourceReads: BoundedReads
  readonly #clock: Clock
  readonly #log: Log
  readonly #retry: BackoffOptions
  readonly #random: () => number
  readonly #stopping = new AbortController()
  /** What the next check has to ask for. */
  readonly #open = new Set<string>()
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
    if (this.#verdicts.has(collection)) return
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
    return this.#verdicts.get(collection)?.kind !== 'exact'
  }

  /** @throws {ReplicaError} COLLECTION_NOT_EXACT; returns whether it may be read now, and not only later. */
  mayRead(collection: string): boolean {
    const verdict = this.#verdicts.get(collection)
    if (verdict?.kind === 'refused') {
      throw notExact(collection, verdict.reason)
    }
    return verdict?.kind === 'exact'
  }

  /** The refused collections with the reasons. */
  refused(): Record<string, string> {
    const reasons: Record<string, string> = {}
    for (const [name, verdict] of this.#verdicts)
      if (verdict.kind === 'refused') reasons[name] = verdict.reason
    return reasons
  }

  /** Every collection must be looked at again. */
  askAll(): void {
    this.#ask([...this.#verdicts.keys()])
  }

  /** The definition of this collection may have changed. */
  ask(collection: string): void {
    if (this.#verdicts.has(collection)) this.#ask([collection])
  }

  stop(): void {
    this.#stopping.abort()
  }

  #ask(collections: readonly string[]): void {
    for (const name of collections) {
      this.#set(name, checking)
      this.#open.add(name)
    }
    if (!this.#checking) void this.#checkAll()
  }

  /** One check at a time: a definition may change in each of a thousand positions of a batch. */
  async #checkAll(): Promise<void> {
    this.#checking = true
    const backoff = new Backoff(this.#retry, this.#random)
    while (this.#open.size > 0 && !this.#stopping.signal.aborted) {
      const names = [...this.#open]
      this.#open.clear()
      try {
        await this.#check(names)
        backoff.reset()
      } catch (error) {
        for (const name of names) this.#open.add(name)
        this.#log.warn({ collections: names, err: error }, 'could not check the collections, trying again')
        await this.#clock.sleep(backoff.next(), this.#stopping.signal)
      }
    }
    this.#checking = false
  }

  /** What was asked for anew meanwhile belongs to the next check: this answer may be older than the change. */
  async #check(names: readonly string[]): Promise<void> {
    const reasons = await this.#sourceReads.check(names)
    for (const name of names) if (!this.#open.has(name)) this.#judge(name, reasons.get(name))
    const changed = this.#changed
    this.#changed = deferred()
    changed.resolve()
  }

  #judge(name: string, reason: string | undefined): void {
    if (reason === undefined) return this.#set(name, exact)
    this.#log.error({ collection: name, reason }, 'this collection cannot be served exactly and is refused')
    this.#set(name, { kind: 'refused', reason })
  }

  #set(name: string, verdict: Verdict): void {
    const old = this.#verdicts.get(name)
    if ((old === undefined || old.kind === 'exact') && verdict.kind !== 'exact') this.#blocked += 1
    if (old !== undefined && old.kind !== 'exact' && verdict.kind === 'exact') this.#blocked -= 1
    this.#verdicts.set(name, verdict)
  }
}

function notExact(collection: string, reason: string): ReplicaError {
  return new ReplicaError('COLLECTION_NOT_EXACT', `'${collection}' cannot be followed exactly: ${reason}`)
}
