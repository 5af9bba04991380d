import { ChangeStreamError } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import {
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type Consumer,
  type StreamInfo,
} from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { LogChunk, LogIdentity, LogRecord, LogTransport } from '../transport.ts'
import type { LogAddress } from './address.ts'
import { logRemedies } from './remedies.ts'

/** The header of a message that contains the key of its record, as bridges from Kafka write it. */
const KEY_HEADER = 'kafka_key'

const WITHIN_MS = 10_000
/** The shortest wait that the server allows. */
const WAIT_MS = 1_000
/** How often an idle log proves that nothing was appended. */
const IDLE_MS = 250
const CHUNK_MESSAGES = 1_000

/** One stream of NATS JetStream. Creates ordered consumers, which leave nothing behind. */
export class NatsTransport implements LogTransport {
  readonly #address: LogAddress
  readonly #clock: Clock
  #connection: NatsConnection | undefined

  constructor(address: LogAddress, clock: Clock) {
    this.#address = address
    this.#clock = clock
  }

  async identify(signal: AbortSignal): Promise<LogIdentity> {
    signal.throwIfAborted()
    const { config, ...info } = await this.#info()
    const id = idOf(info)
    if (config.storage !== StorageType.File)
      return {
        id,
        fault: `but the stream ${config.name} is in memory, and empty after a restart of its server`,
        remedy:
          'Create the stream anew with file storage: debezium.sink.nats-jetstream.storage=file in Debezium Server.',
      }
    const limits = [
      ['max_age', config.max_age],
      ['max_msgs', config.max_msgs],
      ['max_bytes', config.max_bytes],
    ] as const
    const limited = limits.filter(([, value]) => value > 0).map(([name, value]) => `${name} ${value}`)
    if (config.retention !== RetentionPolicy.Limits) limited.push(`retention ${config.retention}`)
    if (limited.length === 0) return { id }
    const fault = `but messages of the stream ${config.name} are deleted: ${limited.join(', ')}`
    return { id, fault, remedy: 'Remove these limits, and create the stream anew.' }
  }

  async *read(id: string, from: number, signal: AbortSignal): AsyncGenerator<LogChunk> {
    let next = Math.max(from, 1)
    let consumer = await this.#consumer(next)
    /** What a new consumer has to read. */
    let left = 0
    /** The next message, requested when there was none. */
    let waiting: Promise<readonly LogRecord[]> | undefined
    while (!signal.aborted) {
      const came = waiting && (await this.#orIdle(waiting))
      const askedAt = this.#clock.now()
      const { end, isSame } = await this.#end(id)
      if (!isSame)
        throw new ChangeStreamError('SOURCE_CHANGED', `the stream ${this.#address.log} was created anew`)
      if (end < next)
        throw new ChangeStreamError('HISTORY_LOST', `the stream ends at ${end}, but ${next} was read`, {
          remedy: logRemedies.HISTORY_LOST,
        })
      if (waiting !== undefined && came === undefined && end === next) {
        yield { records: [], next, end, askedAt, removed: false }
        continue
      }
      const first = came ?? (await waiting) ?? []
      waiting = undefined
      const pending = left || (await this.#run('read the stream', () => consumer.info())).num_pending
      left = 0
      const count = Math.min(pending, CHUNK_MESSAGES)
      const more = count > 0 ? await this.#fetch(consumer, count) : []
      const records = [...first, ...more]
      const last = records.at(-1)?.offset ?? next - 1
      let after = last + 1
      // A slow server may send less in time.
      if (after < end && count === pending && more.length === count) {
        // Everything that was left came, so what is missing up to the end was deleted. But the count of a consumer may lag behind
        // the stream: only that of a new one is exact.
        consumer = await this.#consumer(after)
        left = (await consumer.info(true)).num_pending
        if (left === 0) after = end
      }
      const removed = records.length < after - next
      next = after
      yield { records, next, end: Math.max(end, next), askedAt, removed }
      if (next < end) continue
      waiting = this.#fetch(consumer, 1)
      waiting.catch(() => undefined)
    }
  }

  async #consumer(from: number): Promise<Consumer> {
    return await this.#run('read the stream', async () => {
      const js = jetstream(await this.#connect())
      return await js.consumers.get(this.#address.log, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: from,
        inactive_threshold: 60_000,
      })
    })
  }

  /** `undefined` if there is nothing for a while. */
  async #orIdle(waiting: Promise<readonly LogRecord[]>): Promise<readonly LogRecord[] | undefined> {
    const ended = new AbortController()
    const idle = this.#clock.sleep(IDLE_MS, ended.signal).then(() => undefined)
    try {
      return await Promise.race([waiting, idle])
    } finally {
      ended.abort()
    }
  }

  async close(): Promise<void> {
    await this.#connection?.close().catch(() => undefined)
    this.#connection = undefined
  }

  /** This many messages, or those that came within a second. */
  async #fetch(consumer: Consumer, count: number): Promise<readonly LogRecord[]> {
    return await this.#run('read the stream', async () => {
      const records: LogRecord[] = []
      for await (const message of await consumer.fetch({ max_messages: count, expires: WAIT_MS })) {
        const key = message.headers?.get(KEY_HEADER)
        records.push({
          offset: message.seq,
          key: key ? Buffer.from(key) : undefined,
          value: message.data,
          timestampMs: message.info.timestampNanos / 1e6,
        })
      }
      return records
    })
  }

  /** The sequence number behind the last message, if it is still the same stream. */
  async #end(id: string): Promise<{ readonly end: number; readonly isSame: boolean }> {
    const info = await this.#info()
    return { end: info.state.last_seq + 1, isSame: idOf(info) === id }
  }

  async #info(): Promise<StreamInfo> {
    return await this.#run('find the stream', async () => {
      const manager = await jetstreamManager(await this.#connect(), { checkAPI: false, timeout: WITHIN_MS })
      return await manager.streams.info(this.#address.log)
    })
  }

  async #connect(): Promise<NatsConnection> {
    const open = this.#connection
    if (open !== undefined && !open.isClosed()) return open
    const { hosts, tls, user, password } = this.#address
    this.#connection = await connect({
      servers: [...hosts],
      name: 'freshet',
      reconnect: false,
      timeout: WITHIN_MS,
      ...(tls ? { tls: {} } : {}),
      ...(user === undefined ? {} : { user, pass: password ?? '' }),
    })
    return this.#connection
  }

  async #run<T>(purpose: string, call: () => Promise<T>): Promise<T> {
    return await call().catch((cause: unknown) => {
      if (cause instanceof ChangeStreamError) throw cause
      const message = cause instanceof Error ? cause.message : String(cause)
      const denied = /authorization|permissions|user authentication/i.test(message)
      const missing = /stream not found/i.test(message)
      const code = denied ? 'DENIED' : 'DISCONNECTED'
      throw new ChangeStreamError(code, `could not ${purpose}: ${message}`, {
        cause,
        remedy: missing ? `Create the stream ${this.#address.log}.` : logRemedies[code],
      })
    })
  }
}

function idOf({ created }: Pick<StreamInfo, 'created'>): string {
  return `nats/${created}`
}
