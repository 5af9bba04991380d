import type { Change } from '@freshet/protocol'
import type { Batch, ChangeSource, Origin } from '../contract.ts'

/** The longest wait for anything, in milliseconds. */
const longestWaitMs = 20_000

/** Reads a source in the background and records what it emits. */
export class Hearing implements AsyncDisposable {
  readonly batches: Batch[] = []
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #failure: unknown
  #ended = false
  #wake: () => void = () => undefined

  constructor(source: ChangeSource, origin: Origin) {
    this.#running = this.#run(source, origin)
  }

  get changes(): readonly Change[] {
    return this.batches.flatMap((batch) => batch.changes)
  }

  /** Resolves when `done` holds. Rejects if the read fails or takes too long. */
  async until(done: () => boolean): Promise<void> {
    const late = setTimeout(() => this.#stopping.abort(), longestWaitMs)
    while (!done() && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    clearTimeout(late)
    if (done()) return
    if (this.#failure !== undefined) throw this.#failure
    throw new Error(`received ${JSON.stringify(this.changes)}, but not the expected change`)
  }

  /** The error of the read. */
  async failure(): Promise<unknown> {
    await this.until(() => this.#ended)
    return this.#failure
  }

  /** Resolves when the read has actually ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(source: ChangeSource, origin: Origin): Promise<void> {
    try {
      for await (const batch of source.read(origin, this.#stopping.signal)) {
        this.batches.push({ ...batch, changes: batch.changes.map(kept) })
        this.#wake()
      }
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#failure = error
    } finally {
      this.#ended = true
      this.#wake()
    }
  }
}

/** The contents of a batch are only valid until the next await. */
function kept(change: Change): Change {
  return change.kind === 'upsert' ? { ...change, document: Uint8Array.from(change.document) } : change
}
