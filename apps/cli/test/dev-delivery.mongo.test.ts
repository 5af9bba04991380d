import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createHmac, randomUUID } from 'node:crypto'
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
  // It comes with the sample data.
  expect(parsed).not.toHaveProperty('chat')
  mongodb = new MongoClient(String(parsed['mongodb']))
  // The server now records every change and its user.
  const filter = { op: { $nin: ['query', 'getmore'] } }
  await mongodb.db('shop_messages').command({ profile: 2, filter })
})
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
  const roles = subject === 'chief' ? ['--roles=messages-admin'] : []
  await using program = new Program(['token', `--subject=${subject}`, '--for=1h', ...roles], dev.cwd)
  return (await program.outcome).printed.trim()
}

/** A request to the writer. Resolves with the id in its answer, if there is one. */
async function write(sub: string, method: string, path: string, body?: object): Promise<string> {
  const response = await fetch(`${line.writer}/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${await tokenFor(sub)}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${text}`)
  const answer: { readonly id?: string } = text === '' ? {} : JSON.parse(text)
  return answer.id ?? ''
}

/** Sends a message through the writer. Resolves with its id. */
const send = (from: string, to: object, text: string): Promise<string> =>
  write(from, 'POST', 'messages', { to, body: { text }, clientId: randomUUID() })

/** The unmodified npm `centrifuge`. */
async function connected(url: string, subject: string) {
  const ids: string[] = []
  const recoveries: boolean[] = []
  const disconnects: number[] = []
  const client = new Centrifuge(`${url.replace('http', 'ws')}/connection/websocket`, {
    websocket: WebSocket,
    token: await tokenFor(subject),
    minReconnectDelay: 50,
    maxReconnectDelay: 500,
  })
  client.on('publication', ({ data }) => {
    if (data.type !== 'position') ids.push(data.id ?? data.type)
  })
  client.on('disconnected', ({ code }) => disconnects.push(code))
  client.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering) recoveries.push(recovered)
  })
  client.connect()
  await client.ready()
  return { client, ids, recoveries, disconnects, [Symbol.dispose]: () => client.disconnect() }
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

test('groups, edits, deletions, read cursors and revocations of the writer take effect at both instances', async () => {
  const [one = '', other = ''] = line.deliveries
  using ann = await connected(one, 'ann')
  using bob = await connected(other, 'bob')
  using cem = await connected(other, 'cem')
  await write('ann', 'PUT', 'groups/team')
  await write('ann', 'PUT', 'groups/team/members/bob')
  const toTeam = { group: 'team' }
  const ids = [await send('bob', toTeam, 'first'), await send('ann', toTeam, 'second')]
  await write('ann', 'PUT', 'groups/team/members/cem')
  const third = await send('ann', toTeam, 'third')
  await write('ann', 'DELETE', 'groups/team/members/cem')
  ids.push(third, await send('ann', toTeam, 'fourth'))
  const clientId = randomUUID()
  ids.push(await write('ann', 'PATCH', `messages/${ids[1]}`, { body: 'better', clientId }))
  ids.push(await write('ann', 'DELETE', `messages/${third}`))
  await eventually(() => expect([ann.ids, bob.ids]).toEqual([ids, ids]))
  expect(cem.ids).toEqual([third])
  await write('bob', 'POST', 'acks', [{ conv: 'team', read: 3 }])
  await eventually(() => expect(bob.ids).toEqual([...ids, 'cursor']))
  const { publications } = await cem.client.history('#cem', { limit: 300 })
  expect(publications.map(({ data }) => [data.id, data.body])).toEqual([[third, undefined]])
  // A token of the same second is not revoked yet.
  await eventually(async () => {
    await write('chief', 'POST', 'revocations', { sub: 'cem', notBefore: Math.floor(Date.now() / 1_000) })
    expect(cem.disconnects).toEqual([3_500])
  })
  expect([ann.ids, ann.disconnects, bob.disconnects]).toEqual([ids, [], []])
})

test('G4.10 what a delivery holds is no token for the writer, which takes no message from it', async () => {
  const [url = ''] = line.deliveries
  const token = await tokenFor('ann')
  const asked = await fetch(`${url}/connection/ticket`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  const { ticket }: { readonly ticket: string } = JSON.parse(await asked.text())
  // A token in its form and for the right audience, signed with a secret that only deliveries have.
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1_000)
  const claims = { sub: 'ann', iss: 'freshet', aud: 'freshet', iat: now, exp: now + 60 }
  const signed = `${encoded({ alg: 'HS256' })}.${encoded(claims)}`
  const secrets = dev
    .family()
    .flatMap((pid) => /--ticket-secret-file=(\S+)/.exec(Program.commandOf(pid))?.[1] ?? [])
  const [secretFile = ''] = secrets
  const signature = createHmac('sha256', readFileSync(secretFile)).update(signed).digest('base64url')
  const post = async (bearer: string): Promise<number> => {
    const response = await fetch(`${line.writer}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ to: { user: 'bob' }, body: 'x', clientId: randomUUID() }),
    })
    await response.arrayBuffer()
    return response.status
  }
  expect([await post(ticket), await post(`${signed}.${signature}`)]).toEqual([401, 401])
  // Negative control: the same request with the user's own token.
  expect(await post(token)).toBe(201)
})

test('no delivery service wrote anything', async () => {
  const profile = mongodb.db('shop_messages').collection('system.profile')
  const writes = { op: { $in: ['insert', 'update', 'remove'] } }
  expect(await profile.countDocuments({ ...writes, user: /^freshet-delivery@/ })).toBe(0)
  expect(await profile.countDocuments({ ...writes, user: /^freshet-writer@/ })).toBeGreaterThan(0)
})
