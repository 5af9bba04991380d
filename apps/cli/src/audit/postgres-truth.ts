import { setMaxListeners } from 'node:events'
import { Follower } from '@freshet/change-stream'
import { postgresSource, type PostgresSourceAndReads } from '@freshet/change-stream-postgres'
import type { Collection } from '@freshet/documents'
import type { Clock } from '@freshet/kit'
import type { Position } from '@freshet/protocol'
import { absentId } from './absent-id.ts'
import type { Changed, Moment, SourceAt, Truth, TruthSource, Unknown } from './contract.ts'
import { RecentHistory } from './recent-history.ts'

const withinMs = 10_000
/** Between two reads of what the database does not show yet. */
const againMs = 5

export interface PostgresTruthParts {
  /** Address with the auditor's user and the database. */
  readonly uri: string
  readonly publication: string
  readonly collections: ReadonlyMap<string, Collection>
  readonly clock: Clock
}

/**
 * Reads the truth from PostgreSQL, which cannot read the past. So it reads the present, and its own slot says whether the document
 * has changed since the position of the answer. If it has, the state before comes from that slot.
 */
export class PostgresTruth implements TruthSource, AsyncDisposable {
  readonly #parts: PostgresTruthParts
  readonly #history = new RecentHistory()
  readonly #opened: PostgresSourceAndReads
  readonly #follower: Follower
  readonly #stopping = new AbortController()

  private constructor(parts: PostgresTruthParts) {
    const { uri, publication, collections, clock } = parts
    this.#parts = parts
    // As many as there are questions at the same time.
    setMaxListeners(0, this.#stopping.signal)
    const places = [...collections].map(([name, { idType, stored }]) => [name, { idType, stored }] as const)
    this.#opened = postgresSource({
      uri,
      appName: 'freshet-audit',
      publication,
      collections: new Map(places),
      clock,
    })
    this.#follower = new Follower({
      source: this.#opened.source,
      sink: this.#history,
      clock,
      random: Math.random,
    })
  }

  /** Resolves when it follows the database. @throws {ChangeStreamError} nothing is left open. */
  static async open(parts: PostgresTruthParts): Promise<PostgresTruth> {
    const truth = new PostgresTruth(parts)
    try {
      await truth.#opened.user.prove()
      truth.#follower.start()
      if (!(await truth.#until(() => truth.#history.source !== undefined)))
        throw truth.#history.failure ?? new Error('the database did not answer')
      return truth
    } catch (error) {
      await truth[Symbol.asyncDispose]()
      throw error
    }
  }

  async at(position: Position, collection: string, ids: readonly string[]): Promise<Truth> {
    const history = this.#history
    const { epoch } = history
    if (!(await this.#reached(position))) return unknown('the database does not report that position')
    const read = await this.#read(collection, ids)
    if (read.kind === 'unknown') return read
    if (!(await this.#reached(read.until))) return unknown('the database does not report what it shows')
    if (history.epoch !== epoch || position < history.from)
      return unknown('that position is older than what this audit has followed')
    const documents = new Map<string, Buffer>()
    for (const id of ids) {
      const present = read.documents.get(id)
      const past = history.at(collection, id, position, read.until)
      if (past.kind === 'unknown') return past
      if (past.kind === 'present') history.observe(collection, id, present ?? 'absent')
      const state = past.kind === 'present' ? present : past.state
      if (state !== undefined && state !== 'absent') documents.set(id, state)
    }
    return { kind: 'known', documents }
  }

  someIds(collection: string, limit: number): Promise<readonly string[]> {
    return this.#opened.sampleIds(collection, limit)
  }

  absentId(collection: string, random: () => number): string {
    return absentId(this.#parts.collections.get(collection)?.idType ?? 'string', random)
  }

  async now(): Promise<Moment> {
    const { source, epoch } = this.#history
    const position = await this.#opened.reads.head(this.#stopping.signal)
    // Within one run of the feed, positions never decrease.
    return { source, position, server: this.#history.epoch === epoch ? String(epoch) : undefined }
  }

  async sourceAt(position: Position): Promise<SourceAt> {
    const { source, from } = this.#history
    return position < from
      ? unknown('that position is older than what this audit has followed')
      : { kind: 'known', source }
  }

  async changedWithin(after: Position, until: Position): Promise<Changed> {
    const history = this.#history
    if (!(await this.#reached(until))) return unknown('the database does not report that position')
    if (after < history.from) return unknown('that position is older than what this audit has followed')
    const changed = history.changed(after, until)
    if (changed === 'unknown') return unknown('the database changed near that position')
    return changed === 'yes' ? { kind: 'yes', at: until } : { kind: 'no' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#follower.stop()
    await this.#opened.close()
  }

  /** Reads the present, once it shows everything that the feed has reported. */
  async #read(
    collection: string,
    ids: readonly string[],
  ): Promise<
    | { readonly kind: 'read'; readonly until: Position; readonly documents: ReadonlyMap<string, Buffer> }
    | Unknown
  > {
    const { clock } = this.#parts
    const late = clock.now() + withinMs
    for (;;) {
      try {
        const reply = await this.#opened.reads.read(
          this.#history.through,
          collection,
          ids,
          this.#stopping.signal,
        )
        if (reply.kind === 'fenced') {
          const documents = [...reply.documents].map(([id, bytes]) => [id, Buffer.from(bytes)] as const)
          return { kind: 'read', until: reply.until, documents: new Map(documents) }
        }
      } catch (error) {
        if (error instanceof TypeError || clock.now() >= late)
          return unknown(
            `the database cannot be read: ${error instanceof Error ? error.name : String(error)}`,
          )
      }
      if (clock.now() >= late) return unknown('the database does not show what it reported')
      await clock.sleep(againMs, this.#stopping.signal)
    }
  }

  #reached(position: Position): Promise<boolean> {
    return this.#until(() => this.#history.through >= position)
  }

  /** Waits for the feed. Resolves with whether the condition holds. */
  async #until(holds: () => boolean): Promise<boolean> {
    const { clock } = this.#parts
    const late = new AbortController()
    const timeout = clock.sleep(withinMs, late.signal).then(() => late.abort())
    while (!holds() && !late.signal.aborted && !this.#stopping.signal.aborted)
      await Promise.race([this.#history.happened(), timeout])
    late.abort()
    return holds()
  }
}

const unknown = (reason: string): Unknown => ({ kind: 'unknown', reason })
