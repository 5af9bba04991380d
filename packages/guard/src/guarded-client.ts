// G4.8 fails without this file: a role that grows after the start is not noticed.
import type { Clock, Log, MonotonicMs } from '@freshet/kit'
import type { Document, MongoClient } from 'mongodb'
import { serverOf } from './answering-server.ts'
import { proveVeto } from './canary.ts'
import { seedsOf } from './client.ts'
import { guardErrorOf } from './driver-errors.ts'
import { GuardError } from './errors.ts'
import { privilegeFault, readStanding } from './preflight.ts'
import type { Refusals } from './refusals.ts'
import { guardLine, type Proved } from './status.ts'

/** How a client is looked at. */
export interface LookOptions {
  readonly database: string
  readonly accessControl: 'required' | 'optional'
  /** The longest wait for a primary, and for an answer to one of our own questions. */
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
}

/**
 * The longest time without a primary that is taken for an outage, which the driver survives by itself. An election takes
 * 12 s at most as a rule, most of them much less: https://www.mongodb.com/docs/manual/core/replica-set-elections/
 */
const primaryDeadlineMs = 15_000

/** Processes of servers that are remembered; a set has as many members that can become the primary. */
const maxProcesses = 50

/**
 * One client behind the veto, and what was found out about it. A process of a server cannot switch its access control
 * off, but the one that takes its place can: so replies count only of processes that were looked at.
 */
export class GuardedClient {
  readonly client: MongoClient
  readonly #options: LookOptions
  readonly #refusals: Refusals
  /** The servers that the address names. */
  readonly #seeds: readonly string[] | undefined
  readonly #looked = new Set<string | undefined>()
  #proved: Proved | undefined
  #fault: GuardError | undefined
  #looking: Promise<void> | undefined
  #said: string | undefined
  #servers = 1
  #awaySince: MonotonicMs | undefined
  #onLost: () => void = () => undefined

  private constructor(client: MongoClient, refusals: Refusals, options: LookOptions) {
    this.client = client
    this.#seeds = seedsOf(client)
    this.#refusals = refusals
    this.#options = options
    client.on('topologyDescriptionChanged', ({ newDescription: { servers } }) => {
      this.#servers = servers.size
      const seen = [...servers.values()].some(({ isWritable }) => isWritable)
      this.#awaySince = seen ? undefined : (this.#awaySince ?? options.clock.now())
      if (servers.size === 0) this.#onLost()
    })
  }

  /**
   * Connects and looks. @throws {GuardError} UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING, PRIVILEGE, NO_ACCESS_CONTROL;
   * nothing is left open then.
   */
  static async open(client: MongoClient, refusals: Refusals, options: LookOptions): Promise<GuardedClient> {
    const guarded = new GuardedClient(client, refusals, options)
    try {
      await guarded.#connect()
      await guarded.look()
      return guarded
    } catch (error) {
      await guarded.close()
      throw error
    }
  }

  /** What was found at the last look. */
  get proved(): Proved {
    if (this.#proved === undefined) throw new TypeError('expected a client that was looked at')
    return this.#proved
  }

  /** Why nothing may be sent. */
  get fault(): GuardError | undefined {
    return this.#fault
  }

  /**
   * Why it will perhaps never see its servers again, although they are there. The driver takes a server that says that it
   * is of another set, or of none, off its list and never asks it again; and it goes by what it once saw, the members of
   * a set and its newest election. Only a client that begins with the address again finds what has changed.
   * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
   */
  get worn(): string | undefined {
    if (this.#servers === 0)
      return 'no server is left: the last one said that it is of another set, or of none'
    const awaySince = this.#awaySince
    if (awaySince === undefined || this.#options.clock.now() - awaySince <= primaryDeadlineMs)
      return undefined
    return `no primary was seen for ${primaryDeadlineMs} ms`
  }

  /** Looks at veto and role. Those who ask at the same time share one look. @throws {GuardError} what is wrong. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Lets a reply pass when it is of a process that was looked at; looks first when it is not. */
  async expectLooked(reply: Document): Promise<void> {
    if (!this.#looked.has(serverOf(reply))) await this.look()
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  /** Not to wait for a server that was taken out of the list already. */
  async #connect(): Promise<void> {
    let lost = (): void => undefined
    const gone = new Promise<never>((_, reject) => {
      lost = () =>
        reject(
          new GuardError(
            'UNREACHABLE',
            'every server of the address says that it is in no replica set, or in one of another name',
          ),
        )
    })
    this.#onLost = lost
    try {
      await Promise.race([this.client.connect(), gone])
    } catch (error) {
      throw guardErrorOf(error, this.#seeds)
    } finally {
      this.#onLost = () => undefined
    }
  }

  async #look(): Promise<void> {
    const { database, accessControl, connectTimeoutMs } = this.#options
    const signal = AbortSignal.timeout(connectTimeoutMs)
    try {
      const veto = await proveVeto(this.client, database, this.#refusals)
      const standing = await readStanding(this.client, database, signal)
      const fault = privilegeFault(standing, database, accessControl)
      this.#judge({ veto, standing, fault: fault?.message }, fault)
    } catch (error) {
      if (!(error instanceof GuardError) || error.code !== 'VETO_MISSING')
        throw guardErrorOf(error, this.#seeds)
      if (this.#proved) this.#judge({ ...this.#proved, veto: 'absent', fault: error.message }, error)
      throw error
    }
  }

  /** @throws {GuardError} the fault. */
  #judge(proved: Proved, fault: GuardError | undefined): void {
    const first = this.#proved === undefined
    this.#proved = proved
    this.#fault = fault
    if (fault !== undefined || this.#looked.size >= maxProcesses) this.#looked.clear()
    // One that never opened tells whoever opens it.
    if (!first || fault === undefined) this.#say(proved)
    if (fault !== undefined) throw fault
    this.#looked.add(proved.standing.server)
  }

  /** Once for each thing that there is to say. */
  #say(proved: Proved): void {
    const line = guardLine(proved)
    if (line === this.#said) return
    this.#said = line
    const { log } = this.#options
    const { fault, standing } = proved
    const fields = { guard: { user: standing.user, roles: standing.roles, fault } }
    if (fault !== undefined) log.error(fields, line)
    else if (standing.accessControl === 'absent') log.warn(fields, line)
    else log.info(fields, line)
  }
}
