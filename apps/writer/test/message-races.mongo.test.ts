import { afterAll, expect, test } from '@jest/globals'
import { conversationId, sees, type Interval } from '@freshet/messages'
import { CutProxy, eventually, openTestDatabase, seededRandom } from '@freshet/testkit'
import type { Backend } from '../src/store/contract.ts'
import type { MessageStore, MessageTransaction } from '../src/store/message-store.ts'
import { collections, openWriter, type Got } from './support/open-writer.ts'
import { refusal, talkOf, type Talk } from './support/talk.ts'

const db = await openTestDatabase({ collections, messages: true })
const argv = ['--messages']
const one = await openWriter(db.uriFor('writer'), { argv })
const other = await openWriter(db.uriFor('writer'), { argv })
afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})
const messages = db.admin
  .db('shop_messages')
  .collection<{ _id: string; seq: number; from: string; conv: string; body: string }>('messages')
const memberships = db.admin
  .db('shop_messages')
  .collection<{ _id: string; group: string; user: string; intervals: readonly Interval[] }>('memberships')

const seqsOf = async (conv: string): Promise<readonly number[]> =>
  (await messages.find({ conv }).sort({ seq: 1 }).toArray()).map(({ seq }) => seq)
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1)

test('M2 50 senders at once through two writers: no seq is missing or used twice, and the stream has them in order', async () => {
  const users = upTo(50).map((n) => `user-${n}`)
  const owner = await talkOf(one, 'owner')
  await owner.send('PUT', 'groups/crowd')
  await Promise.all(users.map((user) => owner.send('PUT', `groups/crowd/members/${user}`)))
  const stream = messages.watch([{ $match: { operationType: 'insert', 'fullDocument.conv': 'crowd' } }])
  await stream.tryNext()
  const answers = await Promise.all(
    users.flatMap(async (user, n) => {
      const talk = await talkOf(n % 2 === 0 ? one : other, user)
      const say = (clientId: string) => insist(() => talk.say({ group: 'crowd' }, n, clientId))
      return [await say('first'), await say('second')]
    }),
  )
  expect(answers.flat().map(({ status }) => status)).toEqual(Array(100).fill(201))
  expect(await seqsOf('crowd')).toEqual(upTo(100))
  const told = answers.flat().map(({ json }) => Number(json['seq']))
  expect(told.toSorted((a, b) => a - b)).toEqual(upTo(100))
  const streamed: number[] = []
  while (streamed.length < 100) {
    const event = await stream.next()
    if (event.operationType === 'insert') streamed.push(event.fullDocument.seq)
  }
  await stream.close()
  expect(streamed).toEqual(upTo(100))
})

test('M2 the first messages of a direct conversation race too: one conversation, no seq missing', async () => {
  const [ann, bob] = [await talkOf(one, 'ann'), await talkOf(other, 'bob')]
  const answers = await Promise.all(
    upTo(10).flatMap((n) => [ann.say({ user: 'bob' }, n), bob.say({ users: ['ann'] }, n)]),
  )
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
  expect(await seqsOf(conversationId(['ann', 'bob']))).toEqual(upTo(20))
})

test('M1 the same message sent by many at once is one message', async () => {
  const talks = [await talkOf(one, 'twin'), await talkOf(other, 'twin')]
  const answers = await Promise.all(
    upTo(10).flatMap(() => talks.map((talk) => talk.say({ user: 'bob' }, 'once', 'the-same'))),
  )
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(new Set(answers.map(({ json }) => json['id'])).size).toBe(1)
  expect(await seqsOf(conversationId(['bob', 'twin']))).toEqual([1])
})

/** Sends until it is known what became of it. */
async function insist(send: () => Promise<Got>): Promise<Got> {
  return await eventually(async () => {
    const got = await send()
    if (got.status >= 500 || got.status === 409) throw new Error(got.text)
    return got
  })
}

interface Race {
  /** What the answers said: user and seq. */
  readonly sent: readonly { readonly user: string; readonly seq: number }[]
  readonly refused: number
}

/** Members join, leave and send at the same time, each in its own order. */
async function race(group: string, talks: ReadonlyMap<string, Talk>, owner: Talk): Promise<Race> {
  const random = seededRandom()
  const sent: { user: string; seq: number }[] = []
  let refused = 0
  const member = (user: string): string => `groups/${group}/members/${user}`
  await Promise.all(
    [...talks].map(async ([user, talk]) => {
      for (let step = 0; step < 20; step++) {
        const what = random.next()
        if (what < 0.25) await insist(() => owner.send('PUT', member(user)))
        else if (what < 0.4) await insist(() => talk.send('DELETE', member(user)))
        else {
          const clientId = `${user}-${step}`
          const got = await insist(() => talk.say({ group }, clientId, clientId))
          if (got.status === 201 || got.status === 200) sent.push({ user, seq: Number(got.json['seq']) })
          else if (refusal(got) === '403 not-a-member') refused += 1
          else throw new Error(got.text)
        }
      }
    }),
  )
  return { sent, refused }
}

/** What was sent by somebody who was not a member at that place of the conversation. */
async function outside(group: string, sent: Race['sent']): Promise<readonly string[]> {
  const found = await memberships.find({ group }).toArray()
  const intervals = new Map(found.map(({ user, intervals: theirs }) => [user, theirs]))
  return sent
    .filter(({ user, seq }) => !sees(intervals.get(user) ?? [], seq))
    .map(({ user, seq }) => `${user} ${seq}`)
}

test('M3 members join, leave and send at the same time: each message lies in an interval of its sender', async () => {
  const owner = await talkOf(one, 'owner')
  await owner.send('PUT', 'groups/race')
  const users = upTo(12).map((n) => `racer-${n}`)
  const talks = new Map<string, Talk>()
  for (const [n, user] of users.entries()) talks.set(user, await talkOf(n % 2 === 0 ? one : other, user))
  // Others remove and add them too.
  const meddler = (async () => {
    for (const user of [...users, ...users]) {
      await insist(() => owner.send('DELETE', `groups/race/members/${user}`))
      await insist(() => owner.send('PUT', `groups/race/members/${user}`))
    }
  })()
  const { sent, refused } = await race('race', talks, owner)
  await meddler
  expect(sent.length).toBeGreaterThan(20)
  expect(refused).toBeGreaterThan(0)
  expect(await outside('race', sent)).toEqual([])
  expect(await seqsOf('race')).toEqual(upTo(sent.length))
  for (const { intervals } of await memberships.find({ group: 'race' }).toArray())
    for (const [at, { from, to = Infinity }] of intervals.entries()) {
      expect(from).toBeLessThanOrEqual(to)
      expect(from).toBeGreaterThan((intervals[at - 1]?.to ?? -1) + 1)
    }
  // Control: a membership that ended one message earlier would have been found.
  const [first] = sent
  await memberships.updateMany({ group: 'race', user: first?.user ?? '' }, { $set: { intervals: [] } })
  expect((await outside('race', sent)).length).toBeGreaterThan(0)
})

/** What a test puts in the place of methods of a transaction. */
type Replace = (transaction: MessageTransaction) => Partial<MessageTransaction>

/** A backend whose transactions differ. */
function changed(replace: Replace): (backend: Backend) => Backend {
  return (backend) => {
    const { messages: of } = backend
    if (of === undefined) return backend
    const store: MessageStore = {
      run: (work, conversation) =>
        of.store.run((transaction) => {
          const own: Partial<Record<PropertyKey, unknown>> = { ...replace(transaction) }
          const get = (_: MessageTransaction, name: PropertyKey): unknown =>
            own[name] ?? Reflect.get(transaction, name).bind(transaction)
          return work(new Proxy<MessageTransaction>(transaction, { get }))
        }, conversation),
    }
    return { ...backend, messages: { ...of, store } }
  }
}

test.each([
  ['the message is refused', {}, '403 not-a-member', []],
  // Control: without the conflict the message falls between check and change.
  [
    'control: without the conflict it is stored outside',
    { touchGroup: async () => undefined },
    '201 message',
    ['leaver 1'],
  ],
])('M3 a member leaves between the check and the message: %s', async (name, replaced, answer, found) => {
  const group = name.replaceAll(/\W/g, '-')
  let reached = (): void => undefined
  let go = (): void => undefined
  const checked = new Promise<void>((resolve) => (reached = resolve))
  const left = new Promise<void>((resolve) => (go = resolve))
  const pausing: Replace = (transaction) => ({
    memberships: async (groups, user) => {
      const memberships = await transaction.memberships(groups, user)
      reached()
      await left
      return memberships
    },
  })
  await using sending = await openWriter(db.uriFor('writer'), { argv, over: changed(pausing) })
  await using leaving = await openWriter(db.uriFor('writer'), { argv, over: changed(() => replaced) })
  const owner = await talkOf(one, 'owner')
  await owner.send('PUT', `groups/${group}`)
  await owner.send('PUT', `groups/${group}/members/leaver`)
  const said = (await talkOf(sending, 'leaver')).say({ group }, 'still here')
  await checked
  const gone = await (await talkOf(leaving, 'leaver')).send('DELETE', `groups/${group}/members/leaver`)
  expect(gone.status).toBe(204)
  go()
  expect(refusal(await said)).toBe(answer)
  const sent = (await seqsOf(group)).map((seq) => ({ user: 'leaver', seq }))
  expect(await outside(group, sent)).toEqual(found)
})

test('M1 M2 connections are cut while many send: each clientId is one message, and no seq is missing', async () => {
  await using proxy = await CutProxy.open(db.port)
  await using cut = await openWriter(proxy.uriThrough(db.uriFor('writer')), { argv })
  const owner = await talkOf(cut, 'owner')
  await insist(() => owner.send('PUT', 'groups/cut'))
  const over = new AbortController()
  let cuts = 0
  const cutter = (async () => {
    for (; !over.signal.aborted; cuts++) {
      const before = proxy.forwardedBytes
      await eventually(() => expect(proxy.forwardedBytes - before).toBeGreaterThan(40_000))
      proxy.cut()
      proxy.resume()
    }
  })()
  let unknown = 0
  const answers = await Promise.all(
    upTo(20).map(async (n) => {
      const talk = await talkOf(cut, 'owner')
      const got: Got[] = []
      for (let message = 0; message < 10; message++)
        got.push(
          await insist(async () => {
            const answer = await talk.say({ group: 'cut' }, message, `${n}-${message}`)
            if (answer.status === 504) unknown += 1
            return answer
          }),
        )
      return got
    }),
  )
  over.abort()
  // More traffic, for the last cut.
  await insist(() => owner.send('PUT', 'groups/cut'))
  process.stderr.write(`${cuts} cuts, ${unknown} unknown outcomes\n`)
  expect(cuts).toBeGreaterThan(2)
  expect(answers.flat().every(({ status }) => status === 200 || status === 201)).toBe(true)
  expect(await seqsOf('cut')).toEqual(upTo(200))
  const ids = answers.flat().map(({ json }) => json['id'])
  const found = await messages.find({ conv: 'cut' }).toArray()
  expect(found.map(({ _id }) => _id).toSorted()).toEqual(ids.map(String).toSorted())
  await cutter
})

test('M1 a commit whose outcome is unknown is 504, and the same clientId answers with the message that it was', async () => {
  const talk = await talkOf(one, 'unsure')
  const failure = { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }
  const data = { failCommands: ['commitTransaction'], appName: 'freshet-writer', ...failure }
  const unsure = await (async () => {
    await using _ = await db.failPoint('failCommand', { times: 1 }, data)
    return await talk.say({ user: 'bob' }, 'once', 'u1')
  })()
  expect(refusal(unsure)).toBe('504 outcome-unknown')
  const again = await talk.say({ user: 'bob' }, 'once', 'u1')
  expect([again.status, again.json['id']]).toEqual([200, unsure.json['id']])
  expect(await seqsOf(conversationId(['bob', 'unsure']))).toEqual([1])
})
