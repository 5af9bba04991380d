import { setTimeout as sleep } from 'node:timers/promises'
import { Centrifuge } from 'centrifuge'
import { WebSocket } from 'ws'
import type { System } from '../support/system.ts'

/** Stands between a client and its connection. Negative controls take a rule away with it. */
export interface Lens {
  readonly sent?: (frame: string) => string
  readonly received?: (frame: string) => string
}

interface Publication {
  readonly data: Got & { readonly type: string }
  readonly offset?: number
}

/** A message as a client got it. */
export interface Got {
  readonly id: string
  readonly conv: string
  readonly seq: number
}

/** Options of a user. */
export interface ChaosUserOptions {
  readonly name: string
  readonly system: System
  /** Chooses the instance for each connection. */
  readonly url: () => string
  readonly lens?: () => Lens
}

/**
 * A user of the unmodified npm `centrifuge` 5.8.0, who does what the documentation says after a gap: load what is stored. Not
 * 5.7.4, which swaps publications by itself (D55).
 */
export class ChaosUser implements Disposable {
  readonly name: string
  /** Live and replayed messages in the order of arrival, with repeats. */
  readonly live: Got[] = []
  /** Loaded after gaps. */
  readonly loaded: Got[] = []
  /** What happened to its connection, for the report of a fault. */
  readonly trace: string[] = []
  recoveries = 0
  gaps = 0
  readonly #system: System
  readonly #client: Centrifuge
  readonly #last = new Map<string, number>()
  readonly #sockets = new Set<WebSocket>()
  #position = ''
  #disposed = false
  /** Gaps whose load is not complete. */
  #due = 0
  #syncing: Promise<void> = Promise.resolve()

  static async open(options: ChaosUserOptions): Promise<ChaosUser> {
    const user = new ChaosUser(options, await options.system.tokenOf(options.name))
    user.#client.connect()
    await user.#client.ready()
    return user
  }

  private constructor({ name, system, url, lens = () => ({}) }: ChaosUserOptions, token: string) {
    this.name = name
    this.#system = system
    const sockets = this.#sockets
    class Balanced extends WebSocket {
      readonly #lens = lens()
      constructor() {
        super(url())
        sockets.add(this)
        this.on('close', () => sockets.delete(this))
      }
      override send(data: Parameters<WebSocket['send']>[0]): void {
        const { sent } = this.#lens
        super.send(typeof data === 'string' && sent !== undefined ? sent(data) : data)
      }
      override emit(event: string | symbol, ...args: unknown[]): boolean {
        if (event !== 'message') return super.emit(event, ...args)
        // As in browsers, nothing is heard once it closes: https://websockets.spec.whatwg.org/#feedback-from-the-protocol
        if (this.readyState !== WebSocket.OPEN) return false
        const { received } = this.#lens
        return super.emit(event, ...(received ? [Buffer.from(received(String(args[0]))), false] : args))
      }
    }
    this.#client = new Centrifuge(url(), {
      websocket: Balanced,
      token,
      minReconnectDelay: 50,
      maxReconnectDelay: 500,
    })
    this.#client.on('connected', ({ data }: { readonly data?: { readonly position: string } }) => {
      this.#position = data?.position ?? ''
      this.#note(`connected at ${this.#position}`)
    })
    this.#client.on('publication', ({ data, offset }: Publication) => {
      const { id, conv, seq, type } = data
      if (type === 'position' || type === 'cursor') return this.#note(`${type} at ${offset}`)
      this.#note(`${type} ${id} ${conv.slice(0, 8)}/${seq} at ${offset}`)
      this.live.push({ id, conv, seq })
      this.#last.set(conv, Math.max(seq, this.#last.get(conv) ?? 0))
    })
    this.#client.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
      this.#note(
        `${recovered ? 'recovered' : wasRecovering ? 'gap' : 'fresh'} ${JSON.stringify(streamPosition)}`,
      )
      if (wasRecovering && recovered) this.recoveries += 1
      if (wasRecovering && !recovered) this.#gap()
    })
    this.#client.on('disconnected', ({ code, reason }) => this.#note(`disconnected ${code} ${reason}`))
    this.#client.on('connecting', ({ code, reason }) => this.#note(`connecting ${code} ${reason}`))
    this.#client.on('error', ({ error }) => this.#note(`error ${error.message}`))
  }

  /** Everything it has got, each message once. */
  get ids(): ReadonlySet<string> {
    return new Set([...this.live, ...this.loaded].map(({ id }) => id))
  }

  /** Whether what was missing at the gaps so far has been loaded. */
  get synced(): boolean {
    return this.#due === 0
  }

  /** Its connection breaks without a close frame. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate()
  }

  /** Asleep for this long. */
  async nap(ms: number): Promise<void> {
    this.#client.disconnect()
    await sleep(ms)
    this.#client.connect()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#client.disconnect()
  }

  #note(what: string): void {
    this.trace.push(`${new Date().toISOString()} ${what}`)
  }

  #gap(): void {
    this.gaps += 1
    this.#due += 1
    const known = new Map(this.#last)
    const before = this.#syncing
    this.#syncing = before.then(() => this.#loadUntilDone(known))
  }

  /** As the documentation says: what is due is loaded again until it is there. */
  async #loadUntilDone(known: ReadonlyMap<string, number>): Promise<void> {
    for (;;) {
      try {
        await this.#load(known)
        this.#due -= 1
        return this.#note('loaded')
      } catch (error) {
        if (this.#disposed) return
        this.#note(`load failed: ${String(error)}`)
        await sleep(200)
      }
    }
  }

  /** Everything stored after what was known, at the position of the connection or later. */
  async #load(known: ReadonlyMap<string, number>): Promise<void> {
    const position = this.#position
    let cursor: string | undefined = ''
    while (cursor !== undefined) {
      const page: { readonly conversations: readonly { readonly conv: string }[]; readonly next?: string } =
        await this.#read(
          `conversations?limit=300${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
          position,
        )
      for (const { conv } of page.conversations)
        await this.#loadConversation(conv, known.get(conv) ?? 0, position)
      cursor = page.next
    }
  }

  async #loadConversation(conv: string, after: number, position: string): Promise<void> {
    for (let from = after, more = true; more;) {
      const page: { readonly messages: readonly Got[]; readonly more: boolean } = await this.#read(
        `conversations/${conv}/messages?after=${from}&limit=300`,
        position,
      )
      this.loaded.push(...page.messages)
      from = page.messages.at(-1)?.seq ?? from
      more = page.more
    }
  }

  async #read<T>(path: string, position: string): Promise<T> {
    return (await this.#system.read(this.name, path, position)) as T
  }
}
