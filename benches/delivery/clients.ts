import { sharedNow } from '../shared/figures.ts'
import { RawClient, type Address } from './raw-client.ts'
import { userName } from './world.ts'

/** A question to a process of clients. */
export type ClientsQuestion =
  /** Connects the users with these numbers, some at a time. */
  | { readonly open: Address & { readonly from: number; readonly to: number; readonly atOnce: number } }
  /** Waits until this many messages have come since the last answer. */
  | { readonly expect: number }
  /** When each message came since the last answer; the first one starts it. */
  | { readonly arrivals: true }
  /** Cuts all connections at once. They come back after the pauses of the SDK. */
  | { readonly cut: true }

/** What came since the last answer. */
export interface Received {
  readonly messages: number
  readonly frames: number
}

/** The return after a cut: for each client the time until its connect reply, in milliseconds. */
export interface Returned {
  readonly tookMs: readonly number[]
  readonly recovered: number
  readonly refusals: number
}

/** The number of a message and when it came, by {@link sharedNow}. */
export type Arrival = readonly [n: number, at: number]

const WITHIN_MS = 60_000
/** The pause before a client of npm `centrifuge` connects again, by its defaults. */
const pauseMs = (attempts: number): number => Math.min(20_000, 500 + Math.random() * 500 * 2 ** attempts)

/** All clients of one process. */
export class Clients {
  readonly #clients: RawClient[] = []
  #messages = 0
  #frames = 0
  #arrivals: Arrival[] | undefined
  #changed = (): void => undefined
  #tookMs: number[] = []
  #recovered = 0
  #refusals = 0
  #startedAt = 0

  async answer(question: ClientsQuestion): Promise<object> {
    if ('open' in question) return await this.#open(question.open)
    if ('expect' in question) return await this.#receive(question.expect)
    if ('cut' in question) return await this.#cut()
    const arrivals = this.#arrivals ?? []
    this.#arrivals = []
    return arrivals
  }

  async #open({
    from,
    to,
    atOnce,
    ...address
  }: Extract<ClientsQuestion, { open: object }>['open']): Promise<Returned> {
    this.#restart()
    for (let index = from; index < to; index++) {
      this.#connect(userName(index), address)
      await this.#until(() => this.#tookMs.length > index - from - atOnce, 'clients connect')
    }
    await this.#until(() => this.#tookMs.length === to - from, 'clients are connected')
    return this.#returned()
  }

  #connect(user: string, address: Address): void {
    let attempts = 0
    const client = new RawClient(user, address, {
      connected: (recovered, replayed) => {
        attempts = 0
        this.#messages += replayed
        this.#tookMs.push(performance.now() - this.#startedAt)
        if (recovered) this.#recovered += 1
        this.#changed()
      },
      message: (payload, start, end) => this.#arrivals?.push([numberIn(payload, start, end), sharedNow()]),
      frame: (messages) => {
        this.#messages += messages
        this.#frames += 1
        this.#changed()
      },
      ended: () => {
        this.#refusals += 1
        attempts += 1
        setTimeout(() => client.connect(), pauseMs(attempts))
      },
    })
    this.#clients.push(client)
    client.connect()
  }

  async #receive(count: number): Promise<Received> {
    await this.#until(() => this.#messages >= count, `${count} messages`)
    const received = { messages: this.#messages, frames: this.#frames }
    this.#messages = 0
    this.#frames = 0
    return received
  }

  async #cut(): Promise<Returned> {
    this.#restart()
    for (const client of this.#clients) client.cut()
    for (const client of this.#clients) setTimeout(() => client.connect(), pauseMs(0))
    await this.#until(() => this.#tookMs.length === this.#clients.length, 'clients are back')
    return this.#returned()
  }

  #restart(): void {
    this.#tookMs = []
    this.#recovered = 0
    this.#refusals = 0
    this.#startedAt = performance.now()
  }

  #returned(): Returned {
    return { tookMs: this.#tookMs, recovered: this.#recovered, refusals: this.#refusals }
  }

  /** Polling would take time from the server. */
  async #until(holds: () => boolean, what: string): Promise<void> {
    if (holds()) return
    await new Promise<void>((resolve, reject) => {
      const late = (): void =>
        reject(new Error(`not within ${WITHIN_MS} ms: ${what}; ${this.#messages} messages came`))
      const timer = setTimeout(late, WITHIN_MS)
      this.#changed = () => {
        if (!holds()) return
        clearTimeout(timer)
        this.#changed = () => undefined
        resolve()
      }
    })
  }
}

/** The number in the body of a message, which is JSON in JSON in what the plain server sends. */
function numberIn(payload: Buffer, start: number, end: number): number {
  const line = payload.toString('latin1', start, end)
  return Number(/n\\?":(\d+)/.exec(line)?.[1])
}
