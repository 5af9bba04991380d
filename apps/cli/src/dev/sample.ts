import { Backoff, RunLoop } from '@freshet/kit'
import type { Clock, Log, Part } from '@freshet/kit'
import { requestDirectly } from '../direct-request.ts'

/** A user of the sample data. */
interface Person {
  readonly user: string
  readonly token: string
}

/** Options of the sample data. */
export interface SampleOptions {
  /** Base URL of the writer, known once it has started. */
  readonly writer: () => string
  readonly token: string
  /** The tokens of the two people who have written to each other; `undefined`: no messages are written. */
  readonly people?: readonly [Person, Person]
  readonly clock: Clock
  readonly log: Log
}

const names = ['Lamp', 'Chair', 'Desk', 'Shelf', 'Clock', 'Mirror', 'Rug', 'Vase']
const kinds = ['oak', 'steel', 'linen', 'glass', 'cork']
const products = names.flatMap((name) =>
  kinds.map((kind) => ({ id: slug(name, kind), name: `${name}, ${kind}` })),
)
const conversation = [
  'Hi Bob! Is the oak desk still in stock?',
  'Yes. Shall I put one aside for you?',
  'Please do. And a steel lamp, if there is one.',
  'Done: one desk, one lamp.',
]
const changeEveryMs = 250
const maxAnswerBytes = 64 * 2 ** 10
/** Order ids are reused after this many, so that a long run does not fill the disk. */
const orderSlots = 500

/**
 * Changing sample data, written through the writer: prices change, orders are placed and cancelled. Writes all products at the
 * start, then four small changes per second.
 */
export class SampleData implements Part {
  readonly name = 'sample data'
  readonly #options: SampleOptions
  readonly #loop: RunLoop
  #turn = 0
  #failing = false

  constructor(options: SampleOptions) {
    this.#options = options
    const { clock, log } = options
    this.#loop = new RunLoop({
      attempt: (signal) => this.#change(signal),
      onFailure: (error) => {
        // Warn once: a database may be down for a long time.
        if (!this.#failing) log.warn({ err: error }, 'could not change the sample data, retrying')
        this.#failing = true
        return 'retry'
      },
      clock,
      backoff: new Backoff({ firstMs: 500, maxMs: 5_000 }, Math.random),
    })
  }

  async start(): Promise<void> {
    for (const [at, { id }] of products.entries())
      await this.#put(`products/${id}`, productAt(at, 0), undefined)
    await this.#converse()
    this.#loop.start()
  }

  /** Repeated by each run, but stored once, because each message has a `clientId` of its own. */
  async #converse(): Promise<void> {
    const [one, other] = this.#options.people ?? []
    if (one === undefined || other === undefined) return
    let conv: unknown
    for (const [at, text] of conversation.entries()) {
      const [from, to] = at % 2 === 0 ? [one, other] : [other, one]
      const message = { to: { user: to.user }, body: { text }, clientId: `sample-${at + 1}` }
      const sent = await this.#send('POST', 'messages', message, { token: from.token })
      conv = (JSON.parse(sent) as { readonly conv?: unknown }).conv
    }
    const last = conversation.length
    // The first one has not read the last message.
    for (const [{ token }, read] of [[one, last - 1] as const, [other, last] as const])
      await this.#send('POST', 'acks', [{ conv, delivered: last, read }], { token })
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #change(signal: AbortSignal): Promise<void> {
    this.#turn += 1
    const turn = this.#turn
    const at = (turn * 7) % products.length
    const order = `order-${turn % orderSlots}`
    // Every eighth turn cancels an order, so that readers see deletes too.
    if (turn % 8 === 0)
      await this.#send('DELETE', `orders/order-${(turn - 6) % orderSlots}`, undefined, { signal })
    else if (turn % 2 === 0) await this.#put(`orders/${order}`, { id: order, ...orderAt(turn, at) }, signal)
    else await this.#put(`products/${products[at]?.id ?? ''}`, productAt(at, turn), signal)
    if (this.#failing) this.#options.log.info({}, 'the sample data is changing again')
    this.#failing = false
    await this.#options.clock.sleep(changeEveryMs, signal)
  }

  async #put(path: string, document: object, signal: AbortSignal | undefined): Promise<void> {
    await this.#send('PUT', path, document, { signal })
  }

  async #send(
    method: string,
    path: string,
    document: object | undefined,
    { signal, token = this.#options.token }: { signal?: AbortSignal | undefined; token?: string },
  ): Promise<string> {
    const { writer } = this.#options
    const { status, body } = await requestDirectly(`${writer()}/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(document === undefined ? {} : { 'content-type': 'application/json' }),
        prefer: 'return=minimal',
      },
      ...(document === undefined ? {} : { body: JSON.stringify(document) }),
      signal,
      maxBytes: maxAnswerBytes,
    })
    // The order may have been cancelled already.
    if (status >= 300 && !(method === 'DELETE' && status === 404))
      throw new Error(`${method} ${path} was answered ${status} ${body.toString().slice(0, 200)}`)
    return body.toString()
  }
}

function productAt(at: number, turn: number): object {
  const cents = 500 + ((at * 389 + turn * 53) % 20_000)
  return {
    ...products[at],
    price: cents / 100,
    stock: (at * 31 + turn) % 400,
    tags: [kinds[at % kinds.length]],
  }
}

function orderAt(turn: number, at: number): object {
  const quantity = 1 + (turn % 5)
  return {
    product: products[at]?.id,
    quantity,
    status: turn % 3 === 0 ? 'paid' : 'open',
    at: new Date().toISOString(),
  }
}

function slug(name: string, kind: string): string {
  return `${name}-${kind}`.toLowerCase()
}
