import { afterAll, expect, test } from '@jest/globals'
import { openTestDatabase } from '@freshet/testkit'
import { MongoClient, type CommandStartedEvent } from 'mongodb'
import { RepeatableWrite } from '../src/store/mongodb/repeatable-write.ts'
import { collections } from './support/open-writer.ts'

const db = await openTestDatabase({ own: true, collections })
afterAll(() => db[Symbol.asyncDispose]())

interface Sent {
  readonly session: string
  /** The number of the write in its session. */
  readonly write: string
}

/** A client, and the sessions that its inserts used and that it ended. */
function watched(): { client: MongoClient; sent: Sent[]; ended: string[]; atOnce: () => number } {
  const client = new MongoClient(db.uriFor('writer'), { monitorCommands: true, appName: 'watched' })
  const sent: Sent[] = []
  const ended: string[] = []
  const running = new Map<number, string>()
  let atOnce = 0
  client.on('commandStarted', ({ requestId, command }: CommandStartedEvent) => {
    if (command['endSessions']) for (const { id } of command['endSessions']) ended.push(id.toString('hex'))
    if (!command['insert']) return
    const session = command['lsid'].id.toString('hex')
    sent.push({ session, write: `${session} ${String(command['txnNumber'])}` })
    running.set(requestId, session)
    atOnce = Math.max(atOnce, [...running.values()].filter((one) => one === session).length)
  })
  client.on('commandSucceeded', ({ requestId }) => running.delete(requestId))
  client.on('commandFailed', ({ requestId }) => running.delete(requestId))
  return { client, sent, ended, atOnce: () => atOnce }
}

/** Inserts one document by a write of its own. */
async function insert(client: MongoClient, _id: string): Promise<void> {
  await using write = new RepeatableWrite(client, 'shop', { w: 'majority' })
  await write.run({ insert: 'products', documents: [{ _id }] }, [0])
}

test('W10 a session of the server has one write at a time, with a number of its own, and then the next one', async () => {
  const { client, sent, ended, atOnce } = watched()
  for (let round = 0; round < 20; round += 1)
    await Promise.all([0, 1].map((one) => insert(client, `${round}-${one}`)))
  const sessions = new Set(sent.map(({ session }) => session))
  expect(sent).toHaveLength(40)
  expect(sessions.size).toBe(2)
  expect(new Set(sent.map(({ write }) => write)).size).toBe(40)
  expect(atOnce()).toBe(1)
  await client.close()
  expect(ended).toEqual(expect.arrayContaining([...sessions]))
})

test('W10 a session is not used again after its connection was lost', async () => {
  const { client, sent } = watched()
  await insert(client, 'before')
  {
    const lose = { failCommands: ['insert'], appName: 'watched', closeConnection: true }
    await using _ = await db.failPoint('failCommand', { times: 1 }, lose)
    await expect(insert(client, 'lost')).rejects.toThrow(/connection/)
  }
  for (const id of ['then', 'later']) await insert(client, id)
  const [before, lost, then, later] = sent.map(({ session }) => session)
  expect([lost, later]).toEqual([before, then])
  expect(then).not.toBe(lost)
  await client.close()
})
