import { expect, test } from '@jest/globals'
import { BSON, Long, type ReadCommand, type ReadConnection } from '@freshet/guard'
import { systemClock } from '@freshet/kit'
import { positionOf, type SourceId, type SourcePosition } from '@freshet/protocol'
import { eventually } from '@freshet/testkit'
import { MongoUserReads } from '../src/backend/mongodb/user-reads.ts'

const source = '0a0b0c0d' as SourceId
const at = (low: number): SourcePosition => ({ source, at: positionOf(1_795_953_600, low) })
const signal = new AbortController().signal

/** Answers a `find` of memberships with one for each user, in several replies; answers wait until `release`. */
class FakeConnection implements ReadConnection {
  readonly database = 'shop_messages'
  readonly commands: ReadCommand[] = []
  running = 0
  mostRunning = 0
  failure: Error | undefined
  /** Has 250,000 memberships. */
  heavy = ''
  release: () => void = () => undefined
  gate: Promise<void> = Promise.resolve()

  hold(): void {
    this.gate = new Promise((resolve) => (this.release = resolve))
  }

  async run(command: ReadCommand) {
    this.commands.push(command)
    this.running += 1
    this.mostRunning = Math.max(this.mostRunning, this.running)
    await this.gate
    this.running -= 1
    if (this.failure) throw this.failure
    return 'getMore' in command ? this.#rest() : this.#first(command)
  }

  pin(): Promise<never> {
    throw new Error('expected no pinned connection')
  }

  #users: readonly string[] = []

  #first(command: ReadCommand) {
    const filter = command['filter'] as { readonly user?: { readonly $in: readonly string[] } }
    if (command['find'] === 'revocations') return replyOf('firstBatch', [], 0)
    const [user = '', ...others] = filter.user?.$in ?? []
    this.#users = others
    if (user === this.heavy || others.includes(this.heavy))
      this.#users = Array<string>(50_000).fill(this.heavy)
    this.#replies = this.#users.includes(this.heavy) ? 5 : 1
    return replyOf('firstBatch', [membershipOf(user)], this.#users.length === 0 ? 0 : 7)
  }

  #replies = 1

  #rest() {
    this.#replies -= 1
    const documents = this.#users.length < 1_000 ? this.#users.map(membershipOf) : Array(50_000).fill(many)
    return replyOf('nextBatch', documents, this.#replies > 0 ? 7 : 0)
  }

  prove = () => Promise.resolve()
  openSession = () => ({ __brand: 'ReadSession' }) as const
  endSession = () => Promise.resolve()
  close = () => Promise.resolve()
}

const membershipOf = (user: string) =>
  BSON.serialize({ _id: 'x', group: 'team', user, intervals: [{ from: 1 }] })

const many = membershipOf('mallory')

const replyOf = (batch: string, documents: readonly Uint8Array[], id: number) => ({
  cursor: { [batch]: documents, id: Long.fromNumber(id) },
})

function open() {
  const connection = new FakeConnection()
  const followed = { expect: () => undefined }
  return { connection, reads: new MongoUserReads({ connection, clock: systemClock, followed }) }
}

test('D63 users who connect together share a read, also when it takes several replies', async () => {
  const { connection, reads } = open()
  const users = Array.from({ length: 100 }, (_, index) => `user-${index}`)
  const states = await Promise.all(users.map((user) => reads.load(user, at(1), signal)))
  expect(states.map(({ memberships }) => memberships.map(({ user }) => user))).toEqual(
    users.map((user) => [user]),
  )
  expect(connection.commands.map((command) => Object.keys(command)[0])).toEqual(['find', 'find', 'getMore'])
})

test('D63 users who connect while others are read share the next read', async () => {
  const { connection, reads } = open()
  connection.hold()
  const loads: Promise<unknown>[] = []
  for (let index = 0; index < 10; index++) {
    loads.push(reads.load(`user-${index}`, at(1), signal))
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  connection.release()
  await Promise.all(loads)
  const users = connection.commands.flatMap(({ filter }) => {
    const { user } = (filter ?? {}) as { readonly user?: { readonly $in: readonly string[] } }
    return user ? [user.$in.length] : []
  })
  expect(users).toEqual([1, 9])
})

test('D63 users at different positions do not', async () => {
  const { connection, reads } = open()
  await Promise.all([1, 1, 2].map((low) => reads.load('ann', at(low), signal)))
  const times = connection.commands.flatMap((command) => {
    const { atClusterTime } = (command['readConcern'] ?? {}) as {
      readonly atClusterTime?: { readonly i: number }
    }
    return command['find'] === 'memberships' ? [atClusterTime?.i] : []
  })
  expect(times).toEqual([1, 2])
})

test('D63 reads are limited in number, and so are the users who wait', async () => {
  const { connection, reads } = open()
  connection.hold()
  const loads = Array.from({ length: 10_800 }, (_, index) => reads.load(`user-${index}`, at(1), signal))
  const refused = loads.slice(10_000).map((load) => load.catch((error: unknown) => String(error)))
  expect(await refused.at(-1)).toMatch(/expected fewer users/)
  await eventually(() => expect(connection.running).toBe(16))
  connection.release()
  await Promise.all(loads.slice(0, 10_000))
  expect(connection.mostRunning).toBeLessThanOrEqual(16)
})

test('D63 who has left is not read, and a failed read fails for those who waited and for nobody else', async () => {
  const { connection, reads } = open()
  const gone = AbortSignal.abort()
  const left = reads.load('gone', at(1), gone).catch((error: unknown) => String(error))
  await reads.load('ann', at(1), signal)
  expect(await left).toMatch(/abort/i)
  expect(JSON.stringify(connection.commands)).not.toContain('gone')
  connection.failure = new Error('no primary')
  await expect(reads.load('bob', at(2), signal)).rejects.toThrow('no primary')
  connection.failure = undefined
  expect(await reads.load('bob', at(3), signal)).toMatchObject({ notBefore: 0 })
})

test('D63 one who has more memberships than a read may have fails alone', async () => {
  const { connection, reads } = open()
  connection.heavy = 'mallory'
  const users = ['ann', 'bob', 'mallory', 'cem', 'dee']
  const outcomes = await Promise.allSettled(users.map((user) => reads.load(user, at(1), signal)))
  expect(outcomes.map(({ status }) => status)).toEqual(
    users.map((user) => (user === 'mallory' ? 'rejected' : 'fulfilled')),
  )
})
