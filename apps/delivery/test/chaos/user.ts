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

interface ConversationPage {
  readonly conversations: readonly { readonly conv: string; readonly lastSeq: number }[]
  readonly next?: string
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
  /** The last `seq` of each conversation before a gap that is not being loaded yet. */
  #due: ReadonlyMap<string, number> | undefined
  #loading = false
  #disposed = false

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
    return !this.#loading
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

  /** A gap during a load is loaded after it, together with further ones. */
  #gap(): void {
    this.gaps += 1
    this.#due ??= new Map(this.#last)
    if (this.#loading) return
    this.#loading = true
    void this.#loadDue()
  }

  /** As the documentation says: what is due is loaded again until it is there. */
  async #loadDue(): Promise<void> {
    while (this.#due !== undefined && !this.#disposed) {
      const known = this.#due
      this.#due = undefined
      while (!this.#disposed && !(await this.#load(known))) await sleep(200)
    }
    this.#loading = false
  }

  /** Everything stored after what was known, at the position of the connection or later. Resolves to whether it was complete. */
  async #load(known: ReadonlyMap<string, number>): Promise<boolean> {
    const position = this.#position
    try {
      for (let cursor = ''; ;) {
        const { conversations, next }: ConversationPage = await this.#read(
          `conversations?limit=300${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
          position,
        )
        for (const { conv, lastSeq } of conversations) {
          const after = known.get(conv) ?? 0
          if (lastSeq > after) await this.#loadConversation(conv, after, position)
        }
        if (next === undefined) break
        cursor = next
      }
      this.#note('loaded')
      return true
    } catch (error) {
      this.#note(`load failed: ${String(error)}`)
      return false
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
