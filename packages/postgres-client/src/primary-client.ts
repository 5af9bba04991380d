import { Client, type ClientConfig } from 'pg'
import { leadTo, marker, see, sqlStateOf } from './ask-host.ts'
import { PoolerError } from './errors.ts'
import type { Primary } from './primary.ts'

export interface PrimaryClientParts {
  readonly primary: Primary
  /** How long the server may take to say what it is, in milliseconds. */
  readonly answerWithinMs: number
}

/** The driver's pool passes one function for both outcomes. */
type Connected = (error: unknown, client?: Client) => void

/** A client of the driver that connects to the primary, whichever host that is at the time. */
export class PrimaryClient extends Client {
  readonly #parts: PrimaryClientParts

  constructor(parts: PrimaryClientParts, config: ClientConfig) {
    super({ ...config, options: `${config.options ?? ''} -c ${marker}=on` })
    this.#parts = parts
    // Between connecting and being handed out, nobody else listens. An error also fails what is awaited.
    this.on('error', () => undefined)
  }

  override connect(): Promise<Client>
  override connect(callback: Connected): void
  override connect(callback?: Connected): Promise<Client> | void {
    const connected = this.#connect()
    if (callback === undefined) return connected
    void this.#tell(connected, callback)
  }

  async #tell(connected: Promise<Client>, callback: Connected): Promise<void> {
    try {
      await connected
    } catch (error) {
      callback(error)
      return
    }
    callback(null, this)
  }

  async #connect(): Promise<Client> {
    const { primary, answerWithinMs } = this.#parts
    const host = await primary.find()
    leadTo(this, host)
    try {
      await super.connect().catch((error: unknown) => {
        throw refusesSettings(error) ? new PoolerError(error) : error
      })
      const seen = await see(this, answerWithinMs)
      if (seen.marked !== 'on') throw new PoolerError()
      primary.admit(this, host, seen)
      return this
    } catch (error) {
      primary.failed(host)
      this.end().catch(() => undefined)
      throw error
    }
  }
}

/** PostgreSQL has all settings that are sent. */
const PROTOCOL_VIOLATION = '08P01'

const refusesSettings = (error: unknown): error is Error =>
  error instanceof Error && sqlStateOf(error) === PROTOCOL_VIOLATION
