import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ifInstalled, installJars, Kafka } from '@freshet/debezium'
import { systemClock } from '@freshet/kit'
import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  Producer,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka'
import { eventually } from '@freshet/testkit'
import { examineLog, openLog, parseLogAddress, type LogChunk, type LogTransport } from '../src/index.ts'

const jars = await ifInstalled('Kafka', installJars)

/** Rights are checked for topics that have some, and the test is nobody. */
const authorizer = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'allow.everyone.if.no.acl.found': 'true',
}
const unlimited = { 'retention.ms': '-1', 'retention.bytes': '-1' }

const describeIfKafka = jars === undefined ? describe.skip : describe

describeIfKafka('a topic of Kafka', () => {
  let kafka: Kafka
  let admin: Admin
  let producer: Producer
  const opened: LogTransport[] = []
  const signal = new AbortController().signal

  const logOf = (topic: string): LogTransport => {
    const address = parseLogAddress(`kafka://${kafka.address}/${topic}`)
    if (address === undefined) throw new Error('expected a valid address')
    const log = openLog(address, systemClock)
    opened.push(log)
    return log
  }
  const create = async (
    topic: string,
    partitions: number,
    settings: Readonly<Record<string, string>> = unlimited,
  ) =>
    await admin.createTopics({
      topics: [topic],
      partitions,
      replicas: 1,
      configs: Object.entries(settings).map(([name, value]) => ({ name, value })),
    })
  const send = async (topic: string, ...texts: readonly string[]): Promise<void> => {
    const messages = texts.map((text) => ({
      topic,
      key: Buffer.from(text),
      value: Buffer.from(text.toUpperCase()),
    }))
    await producer.send({ messages })
  }
  const completeIn = async (log: LogTransport) => {
    const { findings } = await examineLog(log, () => Date.now(), 60_000, signal)
    return findings.find(({ name }) => name === 'complete')
  }
  const until = async (
    log: LogTransport,
    from: number,
    done: (chunk: LogChunk) => boolean,
  ): Promise<LogChunk[]> => {
    const chunks: LogChunk[] = []
    const { id } = await log.identify(signal)
    for await (const chunk of log.read(id, from, signal)) {
      chunks.push(chunk)
      if (done(chunk)) break
    }
    return chunks
  }
  const atEnd = ({ next, end }: LogChunk): boolean => next === end
  const keys = (chunks: readonly LogChunk[]): readonly string[] =>
    chunks.flatMap(({ records }) => records.map(({ key }) => Buffer.from(key ?? []).toString()))

  beforeAll(async () => {
    kafka = await Kafka.open(String(jars), authorizer)
    admin = new Admin({ clientId: 'test', bootstrapBrokers: [kafka.address], retries: 10 })
    producer = new Producer({ clientId: 'test', bootstrapBrokers: [kafka.address], retries: 10 })
  })
  afterAll(async () => {
    for (const log of opened) await log.close()
    await producer.close()
    await admin.close()
    await kafka[Symbol.asyncDispose]()
  })

  test('L13 every record is read in order, from any offset, and what comes later too', async () => {
    await create('plain', 1)
    const texts = Array.from({ length: 500 }, (_, n) => `k${n}`)
    await send('plain', ...texts.slice(0, 300))
    await send('plain', ...texts.slice(300))
    const log = logOf('plain')
    const chunks = await until(log, 0, atEnd)
    expect(keys(chunks)).toEqual(texts)
    expect(chunks.some(({ removed }) => removed)).toBe(false)
    let sent = false
    const later = await until(log, 250, (chunk) => {
      if (atEnd(chunk) && !sent) void send('plain', 'late')
      sent ||= atEnd(chunk)
      return keys([chunk]).includes('late')
    })
    expect(keys(later)).toEqual([...texts.slice(250), 'late'])
    expect(later.at(-1)?.next).toBe(501)
  })

  test('L13 a compacted topic reports what was removed, and is complete', async () => {
    await create('compacted', 1, {
      'cleanup.policy': 'compact',
      'segment.bytes': '1048576',
      'segment.ms': '200',
      'min.cleanable.dirty.ratio': '0.01',
      'max.compaction.lag.ms': '200',
    })
    for (let n = 0; n < 5; n += 1) await send('compacted', 'a', 'b')
    const log = logOf('compacted')
    await eventually(
      async () => {
        // A segment is closed by the next record.
        await send('compacted', 'c')
        const chunks = await until(log, 0, atEnd)
        expect(chunks.some(({ removed }) => removed)).toBe(true)
        expect(keys(chunks).filter((key) => key !== 'c')).toEqual(['a', 'b'])
      },
      { everyMs: 500 },
    )
    expect((await log.identify(signal)).fault).toBeUndefined()
  })

  test('L13 a missing topic is waited for, and the error says what to do', async () => {
    await expect(logOf('missing').identify(signal)).rejects.toMatchObject({
      code: 'DISCONNECTED',
      message: expect.stringMatching(/Create the topic/),
    })
  })

  test('L13 two partitions and deleted records are refused, and a topic that is created anew is another one', async () => {
    await create('two', 2)
    expect((await logOf('two').identify(signal)).fault).toMatch(/has 2 partitions/)
    await create('short', 1)
    await send('short', 'a', 'b', 'c')
    const log = logOf('short')
    const { id, fault } = await log.identify(signal)
    expect(fault).toBeUndefined()
    await admin.deleteRecords({ topics: [{ name: 'short', partitions: [{ partition: 0, offset: 2n }] }] })
    expect((await log.identify(signal)).fault).toMatch(/before offset 2 were deleted/)
    await expect(until(log, 0, () => false)).rejects.toMatchObject({ code: 'HISTORY_LOST' })
    await expect(until(log, 9, () => false)).rejects.toMatchObject({ code: 'HISTORY_LOST' })
    const reading = (async () => {
      for await (const chunk of log.read(id, 3, signal)) void chunk
    })()
    await admin.deleteTopics({ topics: ['short'] })
    await expect(reading).rejects.toMatchObject({
      code: expect.stringMatching(/SOURCE_CHANGED|DISCONNECTED/),
    })
    await expect(log.identify(signal)).rejects.toMatchObject({ code: 'DISCONNECTED' })
    await eventually(() => create('short', 1))
    await eventually(async () => expect((await log.identify(signal)).id).not.toBe(id))
  })

  test('L13 L15 a topic whose records are deleted by age or size is refused, before any is', async () => {
    const limits = [
      { 'retention.ms': '3600000', 'retention.bytes': '-1' },
      { 'retention.ms': '-1', 'retention.bytes': '1000000' },
      { ...unlimited, 'cleanup.policy': 'compact,delete' },
    ]
    for (const [index, settings] of limits.entries()) {
      await create(`limited-${index}`, 1, settings)
      const log = logOf(`limited-${index}`)
      const [name, value] = Object.entries(settings).find(([, one]) => one !== '-1') ?? []
      const fault = expect.stringContaining(`limited-${index} are deleted: ${name}=${value}`)
      const remedy = expect.stringMatching(/retention\.ms=-1/)
      expect(await log.identify(signal)).toMatchObject({ fault, remedy })
      expect(await completeIn(log)).toMatchObject({ stands: false, seen: fault, remedy })
    }
    await create('unlimited', 1)
    expect(await completeIn(logOf('unlimited'))).toMatchObject({ stands: true })
  })

  test('L13 L15 a topic whose configuration may not be read is read, and the examination claims nothing', async () => {
    await create('forbidden', 1)
    const rights = [AclOperations.READ, AclOperations.DESCRIBE]
    await admin.createAcls({
      creations: rights.map((operation) => ({
        resourceType: ResourceTypes.TOPIC,
        resourceName: 'forbidden',
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: 'User:ANONYMOUS',
        host: '*',
        operation,
        permissionType: AclPermissionTypes.ALLOW,
      })),
    })
    const log = logOf('forbidden')
    await eventually(async () =>
      expect(await completeIn(log)).toMatchObject({
        stands: false,
        seen: expect.stringMatching(/^could not see/),
        remedy: expect.stringMatching(/DESCRIBE_CONFIGS/),
      }),
    )
    expect((await log.identify(signal)).fault).toBeUndefined()
  })

  test('L15 a topic whose beginning was deleted is examined from where it begins now', async () => {
    await create('cut', 1)
    await send('cut', 'a', 'b', 'c')
    await admin.deleteRecords({ topics: [{ name: 'cut', partitions: [{ partition: 0, offset: 2n }] }] })
    const log = logOf('cut')
    const { fault, remedy } = await log.identify(signal)
    expect(await completeIn(log)).toEqual({ name: 'complete', stands: false, seen: fault, remedy })
    expect(fault).toMatch(/before offset 2 were deleted/)
  })

  test('L13 a topic that gets more partitions while it is read is refused', async () => {
    await create('grows', 1)
    await send('grows', 'a')
    const reading = until(logOf('grows'), 0, () => false)
    await admin.createPartitions({ topics: [{ name: 'grows', count: 2, assignments: [{ brokerIds: [1] }] }] })
    await expect(reading).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      remedy: expect.stringMatching(/one partition.*new snapshot/),
    })
  })

  test('L13 a broker that is killed breaks the connection, and the topic is read on afterwards', async () => {
    const log = logOf('plain')
    const reading = until(log, 0, () => false)
    await kafka.server.stop('SIGKILL')
    await expect(reading).rejects.toMatchObject({
      code: 'DISCONNECTED',
      retry: true,
      remedy: expect.stringMatching(/server of the log/),
    })
    await expect(log.identify(signal)).rejects.toMatchObject({
      remedy: expect.stringMatching(/server of the log/),
    })
    await kafka.server.start()
    await eventually(async () => expect(keys(await until(log, 0, atEnd)).length).toBe(501))
  })
})
