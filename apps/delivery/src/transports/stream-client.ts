import { encodeEvent, type EventStream, type ServerEvent } from '@freshet/service'
import type { Delivery } from '../delivery.ts'
import { closes, type CloseCode } from '../protocol/codes.ts'
import { dataOf, type Publication } from '../publication.ts'
import type { Opened } from '../session-opener.ts'
import type { Outlet, Session } from '../session.ts'

/** Events are the same for all recipients within an epoch. */
const encoded = new WeakMap<Publication, string>()

/** One client of an event stream. */
export class StreamClient implements Outlet {
  readonly #delivery: Delivery
  #stream: EventStream | undefined
  #session: Session | undefined
  #epoch = ''
  #ended = false

  constructor(delivery: Delivery) {
    this.#delivery = delivery
  }

  /** Opens the stream by `answer` and sends what was missed. @throws what `answer` throws; the session is closed then. */
  open({ session, epoch, position, recovery }: Opened, answer: () => EventStream): void {
    const { wasRecovering, recovered, offset, publications } = recovery
    this.#session = session
    this.#epoch = epoch
    try {
      this.#stream = answer()
    } catch (error) {
      session.close()
      throw error
    }
    this.#delivery.opened(this)
    const { signal } = this.#stream
    if (signal.aborted) return this.#left()
    signal.addEventListener('abort', () => this.#left(), { once: true })
    const about = { position, recovered, ttl: session.ttlSeconds }
    this.#send({ event: 'connected', id: `${epoch}:${offset}`, data: JSON.stringify(about) })
    if (wasRecovering && !recovered)
      this.#send({ event: 'gap', id: `${epoch}:${offset}`, data: JSON.stringify({ position }) })
    for (const publication of publications) this.publication(publication)
  }

  /** Keeps the connection alive and the client's position fresh. */
  heartbeat(): ServerEvent {
    return {
      event: 'position',
      id: `${this.#epoch}:${this.#session?.offset ?? 0}`,
      data: '{"type":"position"}',
    }
  }

  publication(publication: Publication): void {
    const text = encoded.get(publication) ?? this.#encode(publication)
    this.#stream?.sendText(text)
  }

  end(code: CloseCode): void {
    this.#send({ event: 'end', data: JSON.stringify(closes[code]) })
    this.#left(code)
    this.#stream?.end()
  }

  #encode(publication: Publication): string {
    const { offset, type } = publication
    const event = type === 'position' ? 'position' : 'message'
    const text = encodeEvent({ event, id: `${this.#epoch}:${offset}`, data: dataOf(publication) })
    encoded.set(publication, text)
    return text
  }

  #send(event: ServerEvent): void {
    this.#stream?.send(event)
  }

  #left(code?: CloseCode): void {
    if (this.#ended) return
    this.#ended = true
    this.#session?.close()
    this.#delivery.closed(this, code ?? (this.#stream?.signal.reason === 'slow' ? 'slow' : undefined))
  }
}
