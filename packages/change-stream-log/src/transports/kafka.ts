import { ChangeStreamError, type ChangeStreamErrorCode } from '@freshet/change-stream'
import type { Clock } from '@freshet/kit'
import { Admin, Consumer, type RecordsBatch } from '@platformatic/kafka'
import type { LogChunk, LogIdentity, LogRecord, LogTransport } from '../transport.ts'
import type { LogAddress } from './address.ts'
import {
  forbiddenRetention,
  retentionFault,
  retentionSettings,
  type TopicSettings,
} from './kafka-retention.ts'
import { logRemedies } from './remedies.ts'

/** How long a broker waits for records, and so how often an idle log proves that nothing was appended. */
const WAIT_MS = 250
const REQUEST_WITHIN_MS = 10_000
const CHUNK_BYTES = 4 * 1024 * 1024
const READ_COMMITTED = 1
/** Partitions may be added at any time: a producer learns of them in minutes, and then writes to all of them. */
const FIND_EVERY_MS = 1_000
const onePartition = 'Create the topic with one partition.'
/** The bit of a batch without records for consumers: marks of Kafka's own transactions. */
const CONTROL = 0b100000

type FetchedPartition = Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number]

interface FoundTopic {
  readonly id: string
  readonly topicId: string
  readonly partitions: number
  readonly leader: number
}

/** One partition of a topic in Kafka. Joins no consumer group and stores nothing: it needs the right to read the topic only. */
export class KafkaTransport implements LogTransport {
  readonly #topic: string
  readonly #clock: Clock
  readonly #consumer: Consumer
  readonly #settings: TopicSettings

  constructor({ hosts, log, tls, user, password, mechanism }: LogAddress, clock: Clock) {
    this.#topic = log
    this.#clock = clock
    const connection = {
      clientId: 'freshet',
      bootstrapBrokers: [...hosts],
      retries: 0,
      connectTimeout: REQUEST_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      ...(tls ? { tls: {} } : {}),
      ...(user === undefined ? {} : { sasl: { mechanism, username: user, password: password ?? '' } }),
    }
    // The group is required, but never joined.
    this.#consumer = new Consumer({ ...connection, groupId: 'freshet', isolationLevel: READ_COMMITTED })
    this.#settings = new Admin(connection)
  }

  async identify(signal: AbortSignal): Promise<LogIdentity> {
    signal.throwIfAborted()
    const { id, partitions } = await this.#find()
    if (partitions !== 1)
      return {
        id,
        fault: `but ${this.#topic} has ${partitions} partitions, which have no common order`,
        remedy: onePartition,
      }
    const first = await this.#run('read the first offset', async () => {
      const offsets = await this.#consumer.listOffsets({ topics: [this.#topic], timestamp: -2n })
      return Number(offsets.get(this.#topic)?.[0] ?? 0n)
    })
    if (first === 0) return { id, ...(await this.#retention()) }
    return {
      id,
      first,
      fault: `but the records of ${this.#topic} before offset ${first} were deleted`,
      remedy: `${retentionSettings}, and take a new snapshot into a new topic.`,
    }
  }

  async #retention(): Promise<Pick<LogIdentity, 'fault' | 'unseen' | 'remedy'>> {
    try {
      return await retentionFault(this.#settings, this.#topic)
    } catch (error) {
      if (/AUTHORIZATION_FAILED/.test(everythingIn(error))) return forbiddenRetention
      throw kafkaError(error, 'read the settings of the topic')
    }
  }

  async *read(id: string, from: number, signal: AbortSignal): AsyncGenerator<LogChunk> {
    let topic = await this.#findAgain(id)
    let foundAt = this.#clock.now()
    for (let next = from; !signal.aborted;) {
      const askedAt = this.#clock.now()
      if (askedAt - foundAt >= FIND_EVERY_MS) {
        topic = await this.#findAgain(id)
        foundAt = askedAt
      }
      const partition = await this.#fetch(topic, next)
      const end = Number(partition.lastStableOffset)
      if (end < next)
        throw new ChangeStreamError('HISTORY_LOST', `${this.#topic} ends at ${end}, but ${next} was read`, {
          remedy: logRemedies.HISTORY_LOST,
        })
      const chunk = chunkOf(partition.records ?? [], next)
      next = chunk.next
      yield { ...chunk, end: Math.max(end, next), askedAt }
    }
  }

  async close(): Promise<void> {
    await Promise.resolve(this.#consumer.close(true)).catch(() => undefined)
    await Promise.resolve(this.#settings.close()).catch(() => undefined)
  }

  /** @throws {ChangeStreamError} SOURCE_CHANGED, UNSUPPORTED: not the topic that was identified, or not any more. */
  async #findAgain(id: string): Promise<FoundTopic> {
    const topic = await this.#find()
    if (topic.id !== id) throw new ChangeStreamError('SOURCE_CHANGED', `${this.#topic} was created anew`)
    if (topic.partitions === 1) return topic
    throw new ChangeStreamError('UNSUPPORTED', `${this.#topic} has ${topic.partitions} partitions now`, {
      remedy: `${onePartition} Take a new snapshot into it.`,
    })
  }

  async #find(): Promise<FoundTopic> {
    return await this.#run('find the topic', async () => {
      const metadata = await this.#consumer.metadata({
        topics: [this.#topic],
        forceUpdate: true,
        autocreateTopics: false,
      })
      const topic = metadata.topics.get(this.#topic)
      const [partition] = topic?.partitions ?? []
      if (topic === undefined || partition === undefined) throw new Error(`${this.#topic} does not exist`)
      return {
        id: `kafka/${metadata.id}/${topic.id}`,
        topicId: topic.id,
        partitions: topic.partitionsCount,
        leader: partition.leader,
      }
    })
  }

  async #fetch(
    topic: { readonly topicId: string; readonly leader: number },
    from: number,
  ): Promise<FetchedPartition> {
    return await this.#run(`read ${this.#topic} at ${from}`, async () => {
      const { responses } = await this.#consumer.fetch({
        node: topic.leader,
        maxWaitTime: WAIT_MS,
        maxBytes: CHUNK_BYTES,
        topics: [
          {
            topicId: topic.topicId,
            partitions: [
              {
                partition: 0,
                fetchOffset: BigInt(from),
                partitionMaxBytes: CHUNK_BYTES,
                currentLeaderEpoch: -1,
                lastFetchedEpoch: -1,
              },
            ],
          },
        ],
      })
      const partition = responses[0]?.partitions[0]
      if (partition === undefined) throw new Error('the broker answered without the partition')
      return partition
    })
  }

  async #run<T>(purpose: string, call: () => Promise<T>): Promise<T> {
    return await call().catch((error: unknown) => {
      throw kafkaError(error, purpose)
    })
  }
}

/** The records from an offset on: a batch is returned whole, even if only its end was requested. */
function chunkOf(
  batches: readonly RecordsBatch[],
  from: number,
): Pick<LogChunk, 'records' | 'next' | 'removed'> {
  const records: LogRecord[] = []
  let next = from
  let removed = false
  const skipTo = (offset: number): void => {
    if (offset > next) removed = true
    next = Math.max(next, offset)
  }
  for (const batch of batches) {
    const first = Number(batch.firstOffset)
    const end = first + batch.lastOffsetDelta + 1
    if (end <= next) continue
    if ((batch.attributes & CONTROL) === 0) {
      for (const { offsetDelta, timestampDelta, key, value } of batch.records) {
        const offset = first + offsetDelta
        if (offset < next) continue
        skipTo(offset)
        const timestampMs = Number(batch.firstTimestamp + timestampDelta)
        records.push({ offset, key: key ?? undefined, value: value ?? undefined, timestampMs })
        next = offset + 1
      }
      skipTo(end)
    } else {
      skipTo(first)
      next = end
    }
  }
  return { records, next, removed }
}

/** Error names of Kafka's protocol with a meaning of their own. All others are a broken connection, which is retried. */
const codes: readonly (readonly [name: RegExp, code: ChangeStreamErrorCode, remedy?: string])[] = [
  [/TOPIC_AUTHORIZATION_FAILED/, 'DENIED', 'Allow the user READ and DESCRIBE on the topic.'],
  [/SASL_AUTHENTICATION_FAILED|AuthenticationError/, 'DENIED', 'Check user, password and mechanism.'],
  [/UNKNOWN_TOPIC_ID|INCONSISTENT_TOPIC_ID/, 'SOURCE_CHANGED'],
  [/OFFSET_OUT_OF_RANGE/, 'HISTORY_LOST', logRemedies.HISTORY_LOST],
  [
    /UNKNOWN_TOPIC_OR_PARTITION|Unknown topic|does not exist/,
    'DISCONNECTED',
    'Create the topic, with one partition, or start the connector.',
  ],
]

function kafkaError(cause: unknown, purpose: string): ChangeStreamError {
  if (cause instanceof ChangeStreamError) return cause
  const message = everythingIn(cause)
  const [, code, remedy] = codes.find(([name]) => name.test(message)) ?? [
    undefined,
    'DISCONNECTED',
    logRemedies.DISCONNECTED,
  ]
  return new ChangeStreamError(code, `could not ${purpose}: ${message}`, { cause, remedy })
}

/** The client nests errors. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const nested: readonly unknown[] = [
    ...(error instanceof AggregateError ? error.errors : []),
    ...(error.cause === undefined ? [] : [error.cause]),
  ]
  const id = 'apiId' in error ? ` ${String(error.apiId)}` : ''
  return [`${error.message}${id}`, ...nested.map(everythingIn)].join(': ').slice(0, 500)
}
