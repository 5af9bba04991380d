// G4.8 fails without this file: a role that grows after startup is not detected.
import type { Clock, Log, MonotonicMs } from '@freshet/kit'
import type { Document, MongoClient, ServerDescription } from 'mongodb'
import { serverOf } from './vetoing-connection.ts'
import { proveVeto } from './canary.ts'
import { seedsOf } from './client.ts'
import { guardErrorOf } from './driver-errors.ts'
import { GuardError } from './errors.ts'
import { privilegeFault, readStanding, type Readable } from './preflight.ts'
import type { Refusals } from './refusals.ts'
import { guardLine, type Proved } from './status.ts'

/** Options for verifying a client. */
export interface VerifyOptions extends Readable {
  readonly accessControl: 'required' | 'optional'
  /** Longest wait for a primary, and for a reply to one of our own commands. */
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
}

/**
 * Longest time without a primary that counts as an outage from which the driver recovers by itself. Elections take at
 * most 12 s as a rule, most of them far less: https://www.mongodb.com/docs/manual/core/replica-set-elections/
 */
const primaryDeadlineMs = 15_000

/** Maximum server processes remembered; only that many members of a set can become primary. */
const maxProcesses = 50

/**
 * One client behind the veto, and the result of its verification. A running server process cannot turn off access
 * control, but its replacement may start without it, so replies count only if their process was verified.
 */
export class GuardedClient {
  readonly client: MongoClient
  readonly #options: VerifyOptions
  readonly #refusals: Refusals
  /** The servers in the address. */
  readonly #seeds: readonly string[] | undefined
  readonly #verified = new Set<string | undefined>()
  #proved: Proved | undefined
  #fault: GuardError | undefined
  #verifying: Promise<void> | undefined
  #said: string | undefined
  #servers = 1
  /** The only server that a direct connection may use, and its type, while it is not the primary. */
  #standby: string | undefined
  #awaySince: MonotonicMs | undefined
  #onLost: () => void = () => undefined

  private constructor(client: MongoClient, refusals: Refusals, options: VerifyOptions) {
    this.client = client
    this.#seeds = seedsOf(client)
    this.#refusals = refusals
    this.#options = options
    client.on('topologyDescriptionChanged', ({ newDescription: { servers, type } }) => {
      this.#servers = servers.size
      this.#standby = type === 'Single' ? standbyOf([...servers.values()]) : undefined
      const seen = [...servers.values()].some(({ isWritable }) => isWritable)
      this.#awaySince = seen ? undefined : (this.#awaySince ?? options.clock.now())
      if (servers.size === 0) this.#onLost()
    })
  }

  /**
   * Connects and verifies. Leaves nothing open on failure.
   * @throws {GuardError} UNREACHABLE, NOT_AUTHENTICATED, VETO_MISSING, PRIVILEGE, NO_ACCESS_CONTROL
   */
  static async open(client: MongoClient, refusals: Refusals, options: VerifyOptions): Promise<GuardedClient> {
    const guarded = new GuardedClient(client, refusals, options)
    try {
      await guarded.#connect()
      await guarded.verify()
      return guarded
    } catch (error) {
      await guarded.close()
      throw error
    }
  }

  /** The result of the last verification. */
  get proved(): Proved {
    if (this.#proved === undefined) throw new TypeError('expected a verified client')
    return this.#proved
  }

  /** Why nothing may be sent, if so. */
  get fault(): GuardError | undefined {
    return this.#fault
  }

  /**
   * Why the client may never find its servers again, even if they are reachable. The driver drops servers that belong
   * to another set, or to none, and never contacts them again. It also relies on the members and the latest election it
   * saw. Only a client that starts over from the address finds what has changed.
   * https://github.com/mongodb/specifications/blob/master/source/server-discovery-and-monitoring/server-discovery-and-monitoring.md
   */
  get lostServers(): string | undefined {
    if (this.#servers === 0) return 'no server left: the last one belongs to another set or to none'
    const awaySince = this.#awaySince
    if (awaySince === undefined || this.#options.clock.now() - awaySince <= primaryDeadlineMs)
      return undefined
    return `no primary found for ${primaryDeadlineMs} ms`
  }

  /** Verifies veto and role. Concurrent calls share one verification. @throws {GuardError} what is wrong. */
  verify(): Promise<void> {
    this.#verifying ??= this.#runVerification().finally(() => {
      this.#verifying = undefined
    })
    return this.#verifying
  }

  /**
   * A direct connection sends to its server even after that stepped down. Its replies may be older than what the primary has
   * acknowledged. @throws {GuardError} UNREACHABLE
   */
  expectPrimary(): void {
    if (this.#standby === undefined) return
    throw new GuardError(
      'UNREACHABLE',
      `expected the primary, got ${this.#standby}; without directConnection=true the primary is found`,
    )
  }

  /** Accepts a reply from a verified server process; otherwise verifies first. */
  async expectVerified(reply: Document): Promise<void> {
    if (!this.#verified.has(serverOf(reply))) await this.verify()
  }

  async close(): Promise<void> {
    await this.client.close()
  }

  /** Does not wait for servers that the driver has already dropped. */
  async #connect(): Promise<void> {
    let lost = (): void => undefined
    const gone = new Promise<never>((_, reject) => {
      lost = () =>
        reject(
          new GuardError(
            'UNREACHABLE',
            'every server in the address belongs to another replica set or to none',
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

  async #runVerification(): Promise<void> {
    const { database, accessControl, connectTimeoutMs } = this.#options
    const signal = AbortSignal.timeout(connectTimeoutMs)
    try {
      const veto = await proveVeto(this.client, database, this.#refusals)
      const standing = await readStanding(this.client, database, signal)
      const fault = privilegeFault(standing, this.#options, accessControl)
      this.#judge({ veto, standing, fault: fault?.what }, fault)
    } catch (error) {
      if (signal.aborted && !(error instanceof GuardError))
        throw new GuardError('REPLY_TIMEOUT', `no reply within ${connectTimeoutMs} ms`, { cause: error })
      if (!(error instanceof GuardError) || error.code !== 'VETO_MISSING')
        throw guardErrorOf(error, this.#seeds)
      if (this.#proved) this.#judge({ ...this.#proved, veto: 'absent', fault: error.what }, error)
      throw error
    }
  }

  /** @throws {GuardError} the fault. */
  #judge(proved: Proved, fault: GuardError | undefined): void {
    const first = this.#proved === undefined
    this.#proved = proved
    this.#fault = fault
    if (fault !== undefined || this.#verified.size >= maxProcesses) this.#verified.clear()
    // If the first verification fails, the caller reports it.
    if (!first || fault === undefined) this.#say(proved)
    if (fault !== undefined) throw fault
    this.#verified.add(proved.standing.server)
  }

  /** Logs each change once. */
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

/** A server that was reached and is not the primary, with its type. */
function standbyOf([only]: readonly ServerDescription[]): string | undefined {
  if (only === undefined || only.isWritable || only.type === 'Unknown') return undefined
  return `${only.address} (${only.type})`
}
