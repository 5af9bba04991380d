import {
  ChangeHandlers,
  type ChangeHandler,
  type HandlerOptions,
  type HandlerStatus,
} from '@freshet/handlers'
import {
  ExactReplica,
  ReplicaError,
  type Notification,
  type ReplicaParts,
  type Value,
} from '@freshet/replica'
import type { EmbeddedReplica } from './contract.ts'
import { Handling } from './handling.ts'

export interface HandledReplicaParts<V extends Value> extends ReplicaParts<V> {
  readonly database: string
  readonly handlers: HandlerOptions
}

/** A replica that also calls handlers. */
export class HandledReplica<V extends Value> extends ExactReplica<V> implements EmbeddedReplica<V> {
  readonly #parts: HandledReplicaParts<V>
  readonly #handlers: ChangeHandlers
  readonly #handlings = new Set<Handling>()

  constructor(parts: HandledReplicaParts<V>) {
    super(parts)
    this.#parts = parts
    this.#handlers = new ChangeHandlers({ ...parts, ...parts.handlers })
  }

  onChange(handler: ChangeHandler): AsyncDisposable {
    const { collections, clock, log } = this.#parts
    const unknown = handler.collections.find((name) => !collections.has(name))
    if (unknown !== undefined)
      throw new ReplicaError(
        'UNKNOWN_COLLECTION',
        `${handler.name} wants '${unknown}', which is not followed`,
      )
    const runs = this.#handlers.add(handler)
    const { collections: wanted } = handler
    const listen = (signal: AbortSignal): AsyncIterable<Notification<V>> =>
      this.changes({ signal, collections: wanted })
    const handling = new Handling({ handler, runs, listen, clock, log })
    this.#handlings.add(handling)
    void this.#forget(handler, handling)
    return handling
  }

  handlers(): readonly HandlerStatus[] {
    return this.#handlers.status()
  }

  override async close(): Promise<void> {
    const ends = [...this.#handlings].map((handling) => handling.close())
    await Promise.all([super.close(), ...ends])
  }

  /** Waits for its end: a handler that does not stop in time may still report causes, and its name remains taken. */
  async #forget(handler: ChangeHandler, handling: Handling): Promise<void> {
    await handling.ended
    this.#handlings.delete(handling)
    this.#handlers.remove(handler)
  }
}
