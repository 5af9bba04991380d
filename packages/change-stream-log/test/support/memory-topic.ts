import { ChangeStreamError } from '@freshet/change-stream'
import { systemClock } from '@freshet/kit'
import type { LogChunk, LogIdentity, LogRecord, LogTransport } from '../../src/index.ts'

/** A key and a value of a record, before they are JSON. `undefined`: missing. */
export type Entry = readonly [key: unknown, value: unknown]

const IDLE_MS = 5

/** A log in memory that can be tampered with. */
export class MemoryTopic implements LogTransport {
  #id = 'one'
  #records: LogRecord[] = []
  #next = 0
  #breaking = new AbortController()
  #woken = new AbortController()
  /** The most records in one chunk. */
  chunk = 1_000

  get end(): number {
    return this.#next
  }

  append(...entries: readonly Entry[]): void {
    for (const [key, value] of entries) {
      const json = (part: unknown): Buffer | undefined =>
        part === undefined ? undefined : Buffer.from(typeof part === 'string' ? part : JSON.stringify(part))
      this.#records.push({ offset: this.#next, key: json(key), value: json(value), timestampMs: Date.now() })
      this.#next += 1
    }
    this.#woken.abort()
    this.#woken = new AbortController()
  }

  /** Removes the records that a predicate chooses, as compaction does. */
  remove(chosen: (record: LogRecord, later: readonly LogRecord[]) => boolean): void {
    this.#records = this.#records.filter((one, index, all) => !chosen(one, all.slice(index + 1)))
  }

  /** Keeps only the last record of each key. */
  compact(): void {
    this.remove((one, later) =>
      later.some(({ key }) => one.key !== undefined && key?.toString() === one.key.toString()),
    )
  }

  /** Another log behind the same name. */
  recreate(): void {
    this.#id += '+'
    this.#records = []
    this.#next = 0
    this.cut()
  }

  /** Breaks the running read. */
  cut(): void {
    this.#breaking.abort(new ChangeStreamError('DISCONNECTED', 'cut by the test'))
    this.#breaking = new AbortController()
  }

  identify(): Promise<LogIdentity> {
    return Promise.resolve({ id: this.#id })
  }

  async *read(id: string, from: number, signal: AbortSignal): AsyncGenerator<LogChunk> {
    const breaking = this.#breaking.signal
    for (let next = from; !signal.aborted;) {
      breaking.throwIfAborted()
      if (id !== this.#id) throw new ChangeStreamError('SOURCE_CHANGED', 'recreated by the test')
      const askedAt = systemClock.now()
      const woken = this.#woken.signal
      const records = this.#records.filter(({ offset }) => offset >= next).slice(0, this.chunk)
      const end = this.#next
      const after = records.length === this.chunk ? (records.at(-1)?.offset ?? 0) + 1 : end
      const removed = records.length < after - next
      next = after
      yield { records, next, end, askedAt, removed }
      if (next === this.#next) await systemClock.sleep(IDLE_MS, AbortSignal.any([signal, breaking, woken]))
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
