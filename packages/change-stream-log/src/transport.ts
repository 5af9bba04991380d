import type { MonotonicMs } from '@freshet/kit'

/** One record of a log. */
export interface LogRecord {
  /** Increases from record to record. Offsets may be missing. */
  readonly offset: number
  readonly key: Uint8Array | undefined
  readonly value: Uint8Array | undefined
  /** When the record was appended, by the clock of its producer or of the log, in milliseconds since 1970. */
  readonly timestampMs: number
}

/** Which log is behind an address now. */
export interface LogIdentity {
  /** Unique to this log: another one of the same name has another identity. */
  readonly id: string
  /** Why the log cannot be complete, phrased as what was found; `undefined` if nothing speaks against it. */
  readonly fault?: string | undefined
  /** What could not be seen of it, as a sentence that begins with "could not": it is read, but may be incomplete. */
  readonly unseen?: string | undefined
  /** What to change. */
  readonly remedy?: string | undefined
  /** The first offset that is left, if the ones before it were deleted. */
  readonly first?: number | undefined
}

/** What was read at once. */
export interface LogChunk {
  readonly records: readonly LogRecord[]
  /** Where the next chunk begins. */
  readonly next: number
  /** The first offset that was not used yet when the log was asked. Never less than `next`. */
  readonly end: number
  /** When the log was asked. Everything appended before is below `end`. */
  readonly askedAt: MonotonicMs
  /** Records below `next` were removed, as by compaction. */
  readonly removed: boolean
}

/** A totally ordered log: one partition of a topic, or one stream. */
export interface LogTransport {
  /** @throws {ChangeStreamError} DISCONNECTED, DENIED, UNSUPPORTED */
  identify(signal: AbortSignal): Promise<LogIdentity>
  /**
   * Reads from an offset on, and yields at least once a second, also if nothing was appended. One reader at a time.
   * @throws {ChangeStreamError} SOURCE_CHANGED: another log is behind the address; HISTORY_LOST: the offset is not in the log;
   * DISCONNECTED; DENIED.
   */
  read(id: string, from: number, signal: AbortSignal): AsyncIterable<LogChunk>
  close(): Promise<void>
}
