import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { Centrifuge } from 'centrifuge'
import { EventSource } from 'eventsource'
import { MongoClient } from 'mongodb'
import { WebSocket } from 'ws'
import { devLineOf, type DevLine } from './support/dev-line.ts'
import { Program } from './support/program.ts'

let dev: Program
let line: DevLine
let mongodb: MongoClient
beforeAll(async () => {
  dev = new Program(['dev', '--json', '--port=0', '--readers=1', '--no-sample', '--ephemeral'])
  const parsed = await dev.json()
  line = devLineOf(parsed)
  mongodb = new MongoClient(String(parsed['mongodb']))
  // The server now records every change and its user.
  const filter = { op: { $nin: ['query', 'getmore'] } }
  await mongodb.db('shop_messages').command({ profile: 2, filter })
}, 120_000)
afterAll(async () => {
  await mongodb.close()
  await dev[Symbol.asyncDispose]()
})

const tokens = new Map<string, Promise<string>>()

function tokenFor(subject: string): Promise<string> {
  const token = tokens.get(subject) ?? newToken(subject)
  tokens.set(subject, token)
  return token
}

async function newToken(subject: string): Promise<string> {
  await using program = new Program(['token', `--subject=${subject}`, '--for=1h'], dev.cwd)
  return (await program.outcome).printed.trim()
}

/** Sends a message through the writer. Resolves with its id. */
async function send(from: string, to: object, text: string): Promise<string> {
  const response = await fetch(`${line.writer}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokenFor(from)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to, body: { text }, clientId: randomUUID() }),
  })
  const answer: { readonly id?: string } = JSON.parse(await response.text())
  if (response.status !== 201 || answer.id === undefined) throw new Error(JSON.stringify(answer))
  return answer.id
}

/** The unmodified npm `centrifuge`. */
async function connected(url: string, subject: string) {
  const ids: string[] = []
  const recoveries: boolean[] = []
  const client = new Centrifuge(`${url.replace('http', 'ws')}/connection/websocket`, {
    websocket: WebSocket,
    token: await tokenFor(subject),
    minReconnectDelay: 50,
    maxReconnectDelay: 500,
  })
  client.on('publication', ({ data }) => {
    if (data.type === 'message') ids.push(data.id)
  })
  client.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering) recoveries.push(recovered)
  })
  client.connect()
  await client.ready()
  return { client, ids, recoveries, [Symbol.dispose]: () => client.disconnect() }
}

/** What curl prints of an event stream. */
function curl(url: string, token: string) {
  const child = spawn('curl', ['-sN', '-H', `Authorization: Bearer ${token}`, `${url}/connection/sse`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const printed = { text: '' }
  child.stdout.on('data', (chunk: Buffer) => (printed.text += chunk.toString()))
  return { printed, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

test('two delivery services run, on addresses of their own, and the user of one can only read messages', async () => {
  expect(line.deliveries).toHaveLength(2)
  expect(new Set([...line.deliveries, ...line.management.deliveries]).size).toBe(4)
  for (const url of line.management.deliveries) {
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    const status: unknown = await (await fetch(`${url}/statusz`)).json()
    expect(status).toMatchObject({ guard: { user: 'freshet-delivery@shop', layers: { tokens: 'standing' } } })
  }
})

test('a message sent through the writer arrives at both instances: by centrifuge, curl and EventSource', async () => {
  const [one = '', other = ''] = line.deliveries
  using ann = await connected(one, 'ann')
  using bob = await connected(other, 'bob')
  const token = await tokenFor('ann')
  using text = curl(other, token)
  const headers = { authorization: `Bearer ${token}` }
  const issued = await fetch(`${one}/connection/ticket`, { method: 'POST', headers })
  const { ticket }: { readonly ticket: string } = JSON.parse(await issued.text())
  // Issued by one instance, good at the other.
  const events: string[] = []
  const source = new EventSource(`${other}/connection/sse?ticket=${ticket}`)
  source.addEventListener('message', ({ data }) => events.push(JSON.parse(String(data)).id))
  const opened = new Promise((resolve) => source.addEventListener('connected', resolve, { once: true }))
  await opened
  await eventually(() => expect(text.printed.text).toContain('event: connected'))
  const id = await send('bob', { user: 'ann' }, 'hello')
  await eventually(() => expect([ann.ids, bob.ids, events]).toEqual([[id], [id], [id]]))
  await eventually(() => expect(text.printed.text).toContain(`"id":"${id}"`))
  source.close()
})

test('an instance that is killed is started again, and its clients recover what they missed', async () => {
  const [one = ''] = line.deliveries
  using ann = await connected(one, 'ann')
  const ids = [await send('bob', { user: 'ann' }, 'before')]
  await eventually(() => expect(ann.ids).toEqual(ids))
  const pid = dev
    .family()
    .find(
      (each) => Program.commandOf(each).includes('delivery-1') && Program.commandOf(each).includes('main'),
    )
  if (pid === undefined) throw new Error('the process was not found')
  process.kill(pid, 'SIGKILL')
  ids.push(await send('bob', { user: 'ann' }, 'while it is away'))
  await eventually(() => expect(ann.ids).toEqual(ids))
  expect(ann.recoveries).toEqual([true])
  expect(dev.said).toContain('delivery 1 ended with SIGKILL: starting it again.')
  ids.push(await send('bob', { user: 'ann' }, 'after'))
  await eventually(() => expect(ann.ids).toEqual(ids))
})

test('no delivery service wrote anything', async () => {
  const profile = mongodb.db('shop_messages').collection('system.profile')
  const writes = { op: { $in: ['insert', 'update', 'remove'] } }
  expect(await profile.countDocuments({ ...writes, user: /^freshet-delivery@/ })).toBe(0)
  expect(await profile.countDocuments({ ...writes, user: /^freshet-writer@/ })).toBeGreaterThan(0)
})
