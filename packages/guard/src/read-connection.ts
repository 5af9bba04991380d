// G1.6 fails without this file: `run` sends any command.
import type { Renewal } from '@freshet/kit'
import type { ClientSession, Document, RunCommandOptions } from 'mongodb'
import { readCommands } from './allowed-commands.ts'
import type {
  GuardedConnection,
  PinnedConnection,
  PinOptions,
  ReadCommand,
  ReadSession,
  RunOptions,
} from './contract.ts'
import { makeCursorIdLong, withLongCursorIds } from './cursor-ids.ts'
import { GuardError } from './errors.ts'
import type { GuardedClient } from './guarded-client.ts'
import { PinnedDriverConnection } from './pinned-connection.ts'
import type { Refusals } from './refusals.ts'
import { guardStatus, type GuardStatus, type Proved } from './status.ts'

const rawReply = { fieldsAsRaw: { firstBatch: true, nextBatch: true }, promoteLongs: false }
const names: ReadonlySet<string> = new Set(readCommands)

/** Handed out instead of the driver's sessions, which lead to the client. */
class SessionToken implements ReadSession {
  readonly __brand = 'ReadSession'
}

/** A driver session and its client; `none` if it was opened while there was no client. */
interface Opened {
  readonly on: GuardedClient
  readonly session: ClientSession
}

/** {@link GuardedConnection} over one guarded client at a time. Nothing that it returns leads back to the client. */
export class DriverReadConnection implements GuardedConnection {
  readonly database: string
  readonly #clients: Renewal<GuardedClient>
  /** The one in use. The renewal is only asked once it has lost its servers. `undefined` after `close`. */
  #client: GuardedClient | undefined
  readonly #refusals: Refusals
  readonly #sessions = new WeakMap<ReadSession, Opened | 'none'>()
  #proved: Proved

  /** @param clients contains a verified one. */
  constructor(clients: Renewal<GuardedClient>, database: string, refusals: Refusals) {
    this.database = database
    this.#clients = clients
    this.#refusals = refusals
    this.#client = clients.current
    this.#proved = this.#current().proved
  }

  async run(command: ReadCommand, options?: RunOptions): Promise<Document> {
    const name = this.#check(command)
    const guarded = this.#current()
    guarded.expectPrimary()
    // It may be fixed by now.
    if (guarded.fault) await guarded.verify()
    const timeoutMs = options?.timeoutMs
    const timeout = timeoutMs === undefined ? undefined : new ReplyTimeout(timeoutMs, options?.signal)
    const signal = timeout?.signal ?? options?.signal
    const driverOptions: RunCommandOptions = signal ? { signal } : {}
    // Nothing else in such a reply is a long, so the id of its cursor needs no conversion.
    const raw = options?.raw === 'batches'
    if (raw) Object.assign(driverOptions, rawReply)
    if (options?.session) driverOptions.session = this.#sessionOf(options.session, guarded)
    try {
      const db = guarded.client.db(this.database)
      const sent = name === 'getMore' || name === 'killCursors' ? withLongCursorIds(command) : command
      const reply = await db.command(sent, driverOptions)
      await guarded.expectVerified(reply)
      return raw ? reply : makeCursorIdLong(reply)
    } catch (error) {
      // The driver replaces the reason of `AbortSignal.timeout` by an error of its own.
      if (signal?.aborted && !(error instanceof GuardError)) throw signal.reason
      throw error
    } finally {
      timeout?.clear()
    }
  }

  async prove(): Promise<void> {
    await this.#current().verify()
  }

  async pin(options: PinOptions): Promise<PinnedConnection> {
    const guarded = this.#current()
    guarded.expectPrimary()
    const check = (command: ReadCommand): void => void this.#check(command)
    return await PinnedDriverConnection.open({ guarded, database: this.database, check }, options)
  }

  openSession(): ReadSession {
    const token = new SessionToken()
    const on = this.#usable()
    // Causal consistency would add `afterClusterTime` to every read, which the server rejects together with
    // `atClusterTime`.
    this.#sessions.set(
      token,
      on ? { on, session: on.client.startSession({ causalConsistency: false }) } : 'none',
    )
    return token
  }

  async endSession(session: ReadSession): Promise<void> {
    const opened = this.#sessions.get(session)
    this.#sessions.delete(session)
    if (typeof opened === 'object') await opened.session.endSession()
  }

  status(): GuardStatus {
    const { current, state, renewals } = this.#clients
    this.#proved = current?.proved ?? this.#proved
    const client = current?.lostServers === undefined ? state.kind : 'renewing'
    return guardStatus(this.#proved, { client, renewals }, this.#refusals.counts())
  }

  async close(): Promise<void> {
    this.#client = undefined
    await this.#clients.close()
  }

  /** The client in use, or the one that replaced it. */
  #usable(): GuardedClient | undefined {
    const client = this.#client
    const lost = client?.lostServers
    if (client === undefined || lost === undefined) return client
    this.#clients.renew(client, lost)
    const { current } = this.#clients
    if (current !== undefined) this.#client = current
    return current?.lostServers === undefined ? current : undefined
  }

  /** @throws {GuardError} UNREACHABLE, or why there is no client. */
  #current(): GuardedClient {
    const client = this.#usable()
    if (client !== undefined) return client
    const { state } = this.#clients
    if (state.kind === 'closed') throw new GuardError('UNREACHABLE', 'the connection was closed')
    if (state.kind === 'renewing' && state.failure instanceof GuardError) throw state.failure
    throw new GuardError('UNREACHABLE', 'the client lost its servers and is being recreated')
  }

  /** Checks the name early, with the caller's stack. The connection checks the bytes. */
  #check(command: ReadCommand): string {
    const name = Object.keys(command)[0] ?? ''
    if (!names.has(name)) throw this.#refusals.refuse({ reason: 'command', what: name })
    return name
  }

  #sessionOf(token: ReadSession, guarded: GuardedClient): ClientSession {
    const opened = this.#sessions.get(token)
    if (!opened) throw new TypeError('this session has ended or belongs to another connection')
    if (opened !== 'none' && opened.on === guarded) return opened.session
    throw new GuardError('UNREACHABLE', 'the client of this session lost its servers')
  }
}

/** Aborts a command whose reply is late. Its own signal makes the driver close the connection. */
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
