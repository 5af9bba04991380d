import type { ClientSession, Db, Document, MongoClient, RunCommandOptions } from 'mongodb'
import { readCommands } from './allowed-commands.ts'
import type { GuardedConnection, ReadCommand, ReadSession, RunOptions } from './contract.ts'
import { makeCursorIdLong, withLongCursorIds } from './cursor-ids.ts'
import { GuardError } from './errors.ts'
import { stageRefusal } from './pipeline-check.ts'
import type { Refusals } from './refusals.ts'
import { guardStatus, type GuardStatus, type Proved } from './status.ts'

const rawBatches = { firstBatch: true, nextBatch: true }
const names: ReadonlySet<string> = new Set(readCommands)

/** The tokens that callers hold instead of the driver's sessions, which lead to the client. */
class SessionToken implements ReadSession {
  readonly __brand = 'ReadSession'
}

/** {@link GuardedConnection} over one guarded client. Nothing it hands out leads back to the client. */
export class DriverReadConnection implements GuardedConnection {
  readonly database: string
  readonly #client: MongoClient
  readonly #db: Db
  readonly #refusals: Refusals
  readonly #proved: Proved
  readonly #sessions = new WeakMap<ReadSession, ClientSession>()

  constructor(client: MongoClient, database: string, refusals: Refusals, proved: Proved) {
    this.database = database
    this.#client = client
    this.#db = client.db(database)
    this.#refusals = refusals
    this.#proved = proved
  }

  async run(command: ReadCommand, options?: RunOptions): Promise<Document> {
    this.#check(command)
    const timeoutMs = options?.timeoutMs
    const timeout = timeoutMs === undefined ? undefined : new ReplyTimeout(timeoutMs, options?.signal)
    const signal = timeout?.signal ?? options?.signal
    const driverOptions: RunCommandOptions = signal ? { signal } : {}
    if (options?.raw === 'batches') driverOptions.fieldsAsRaw = rawBatches
    if (options?.session) driverOptions.session = this.#sessionOf(options.session)
    try {
      return makeCursorIdLong(await this.#db.command(withLongCursorIds(command), driverOptions))
    } finally {
      timeout?.clear()
    }
  }

  openSession(): ReadSession {
    const token = new SessionToken()
    // Causal consistency would add `afterClusterTime` to every read, which the server refuses beside `atClusterTime`.
    this.#sessions.set(token, this.#client.startSession({ causalConsistency: false }))
    return token
  }

  async endSession(session: ReadSession): Promise<void> {
    await this.#sessions.get(session)?.endSession()
    this.#sessions.delete(session)
  }

  status(): GuardStatus {
    return guardStatus(this.#proved, this.#refusals.counts())
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  /** A first look at the objects; the second, at the bytes, is taken by the connection. */
  #check(command: ReadCommand): void {
    const name = Object.keys(command)[0] ?? ''
    if (!names.has(name)) throw this.#refusals.refuse({ reason: 'command', what: name })
    if (command.aggregate === undefined) return
    const stage = stageRefusal(command['pipeline'])
    if (stage !== undefined) throw this.#refusals.refuse({ reason: 'stage', what: stage })
  }

  #sessionOf(token: ReadSession): ClientSession {
    const session = this.#sessions.get(token)
    if (!session) throw new TypeError('this session was ended, or belongs to another connection')
    return session
  }
}

/** Gives up a command when its reply is late: its own signal aborts, which makes the driver drop the connection. */
class ReplyTimeout {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #outer: AbortSignal | undefined
  readonly #passOn = (): void => this.#controller.abort(this.#outer?.reason)

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#outer = outer
    this.#timer = setTimeout(() => {
      this.#controller.abort(new GuardError('REPLY_TIMEOUT', `no reply within ${timeoutMs} ms`))
    }, timeoutMs)
    if (outer?.aborted) this.#passOn()
    else outer?.addEventListener('abort', this.#passOn, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#passOn)
  }
}
