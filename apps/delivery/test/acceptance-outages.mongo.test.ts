import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, overrunOplog } from '@freshet/testkit'
import { EventSource } from 'eventsource'
import { WebSocket } from 'ws'
import { openForeignClient } from './support/foreign-client.ts'
import { openClient } from './support/real-client.ts'
import type { ServiceProcess } from './support/service-process.ts'
import { openSystem, type System } from './support/system.ts'

let system: System
let one: ServiceProcess
let other: ServiceProcess
beforeAll(async () => {
  system = await openSystem({ oplogSizeMb: 1, checkpointSeconds: 1, args: ['--stop-within=2s'] })
  const [first, second] = system.deliveries
  if (!first || !second) throw new Error('expected two instances')
  one = first
  other = second
})
afterAll(() => system[Symbol.asyncDispose]())

/** Clients to cut at once; 10,000 need `ulimit -n 65536` and some minutes. */
const CLIENTS = Number(process.env['TEST_CLIENTS'] ?? 300)
const PER_USER = 20

test.each(['python', 'go'] as const)(
  'A2 the %s client, unmodified, misses nothing when its instance is killed and started again',
  async (name) => {
    const user = `a2-${name}`
    using client = await openForeignClient(name, one.webSocketUrl, await system.tokenOf(user))
    if (client === undefined) return
    await eventually(() => expect(client.subscribed()).toHaveLength(1))
    const ids: string[] = []
    const send = async (): Promise<void> => void ids.push((await system.send('zoe', { user })).id)
    for (let count = 0; count < 5; count++) await send()
    await eventually(() => expect(client.ids()).toEqual(ids))
    await one.end('SIGKILL')
    for (let count = 0; count < 5; count++) await send()
    await one.startAgain()
    await send()
    await eventually(() => expect(client.ids()).toEqual(ids))
    expect(client.subscribed().at(-1)).toEqual([true, true])
  },
)

test(`A10 ${CLIENTS} clients that are cut at once all recover within 10 s, and no message is read from the database`, async () => {
  const users = Array.from({ length: Math.ceil(CLIENTS / PER_USER) }, (_, at) => `a10-${at}`)
  const opening = Array.from({ length: CLIENTS }, (_, at) =>
    openClient((at % 2 === 0 ? one : other).webSocketUrl, users[at % users.length] ?? '', {
      minReconnectDelay: 200,
      maxReconnectDelay: 5_000,
    }),
  )
  const clients = await Promise.all(opening)
  await Promise.all(clients.map(({ client }) => client.ready()))
  const queries = async (): Promise<number> => {
    const { totals } = await system.db.admin.db('admin').command({ top: 1 })
    return Number(totals['shop_messages.messages']?.queries.count ?? 0)
  }
  for (const { proxy } of [one, other]) proxy.cut()
  const ids = new Map<string, string>()
  // The writer looks for an earlier message with the same clientId: these reads are its own.
  for (const user of users) ids.set(user, (await system.send('zoe', { user })).id)
  const before = await queries()
  const cutAt = performance.now()
  for (const { proxy } of [one, other]) proxy.resume()
  await eventually(() => {
    for (const { heard } of clients) expect(heard.recoveries).toContain(true)
  })
  const tookMs = performance.now() - cutAt
  process.stderr.write(`A10: ${CLIENTS} clients were back after ${Math.round(tookMs)} ms\n`)
  await eventually(() => {
    clients.forEach(({ heard }, at) => expect(heard.ids).toEqual([ids.get(users[at % users.length] ?? '')]))
  })
  expect(await queries()).toBe(before)
  for (const client of clients) client[Symbol.dispose]()
})

/** A web-socket that has not connected yet, and how it is closed. */
async function raw(options: object = {}) {
  const socket = new WebSocket(one.webSocketUrl, options)
  const closed = once(socket, 'close').then(([code]) => Number(code))
  await once(socket, 'open')
  return { socket, closed }
}

test('A13 a foreign origin, no token, and frames that are too large, too many or not UTF-8 end that connection alone', async () => {
  using ann = await openClient(one.webSocketUrl, 'a13-ann')
  await ann.client.ready()
  const foreign = new WebSocket(one.webSocketUrl, { origin: 'https://evil.example' })
  foreign.on('error', () => undefined)
  const [, { statusCode }] = await once(foreign, 'unexpected-response')
  expect(statusCode).toBe(403)
  const attacks: readonly (readonly [number, (socket: WebSocket) => void])[] = [
    [3_500, (socket) => socket.send('{"id":1,"connect":{}}')],
    [3_500, (socket) => socket.send('{"id":1,"connect":{"token":"a.b.c"}}')],
    [1_009, (socket) => socket.send('x'.repeat(2 ** 17))],
    [1_007, (socket) => socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false })],
    [
      1_008,
      (socket) => {
        for (let count = 0; count < 200; count++) socket.send('x', { fin: false })
      },
    ],
  ]
  for (const [code, attack] of attacks) {
    const { socket, closed } = await raw()
    attack(socket)
    expect(await closed).toBe(code)
  }
  for (const path of ['connection/sse', 'connection/sse?ticket=x'])
    expect((await fetch(`${one.url}/${path}`)).status).toBe(401)
  const { id } = await system.send('zoe', { user: 'a13-ann' })
  await eventually(() => expect(ann.heard.ids).toEqual([id]))
  expect(ann.heard.events).toEqual(['connecting 0'])
})

test('A14 event streams have the same: EventSource recovers after a kill, and curl elsewhere from its last event', async () => {
  const authorization = `Bearer ${await system.tokenOf('a14-ann')}`
  const heard: string[] = []
  const recovered: boolean[] = []
  const source = new EventSource(`${one.url}/connection/sse`, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, authorization } }),
  })
  let place = ''
  source.addEventListener('connected', ({ data }) => recovered.push(JSON.parse(String(data)).recovered))
  source.addEventListener('message', ({ data, lastEventId }) => {
    heard.push(JSON.parse(String(data)).id)
    place = lastEventId
  })
  await eventually(() => expect(recovered).toHaveLength(1))
  const ids = [(await system.send('zoe', { user: 'a14-ann' })).id]
  await eventually(() => expect(heard).toEqual(ids))
  const before = place
  await one.end('SIGKILL')
  ids.push((await system.send('zoe', { user: 'a14-ann' })).id)
  await one.startAgain()
  await eventually(() => expect([recovered, heard]).toEqual([[false, true], ids]))
  source.close()
  const curl = (last: string) => {
    const headers = [`Authorization: ${authorization}`, `Last-Event-ID: ${last}`].flatMap((text) => [
      '-H',
      text,
    ])
    const child = spawn('curl', ['-sN', '--noproxy', '*', ...headers, `${other.url}/connection/sse`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const printed = { text: '' }
    child.stdout.on('data', (chunk: Buffer) => (printed.text += chunk.toString()))
    return { printed, [Symbol.dispose]: () => void child.kill('SIGKILL') }
  }
  using again = curl(before)
  await eventually(() => expect(again.printed.text).toContain(`"id":"${ids[1]}"`))
  expect(again.printed.text).not.toContain(`"id":"${ids[0]}"`)
  using lost = curl(before.replace(/^./, (digit) => (digit === '0' ? '1' : '0')))
  await eventually(() => expect(lost.printed.text).toContain('event: gap'))
})

test('A8 a stream that is killed and a primary that steps down cost nothing; lost history is a gap that is told', async () => {
  using ann = await openClient(one.webSocketUrl, 'a8-ann')
  using bob = await openClient(other.webSocketUrl, 'a8-ann')
  await Promise.all([ann, bob].map(({ client }) => client.ready()))
  const ids: string[] = []
  const send = async (): Promise<void> => void ids.push((await system.send('zoe', { user: 'a8-ann' })).id)
  const arrive = (): Promise<void> =>
    eventually(() => expect([ann.heard.ids, bob.heard.ids]).toEqual([ids, ids]))
  await send()
  {
    const data = { failCommands: ['getMore'], errorCode: 237, appName: 'freshet-delivery-feed' }
    await using killed = await system.db.failPoint('failCommand', 'alwaysOn', data)
    await eventually(async () => expect(await one.isReady()).toBe(false))
    await send()
    expect(killed).toBeDefined()
  }
  await Promise.all([one, other].map((each) => each.ready()))
  await arrive()
  const sending = (async () => {
    for (let count = 0; count < 20; count++) await send()
  })()
  await system.db.stepDown()
  await sending
  await arrive()
  expect([...ann.heard.recoveries, ...bob.heard.recoveries]).toEqual([])
  one.signal('SIGSTOP')
  await send()
  await overrunOplog(system.db.admin)
  one.signal('SIGCONT')
  await eventually(() => expect(ann.heard.recoveries).toEqual([false]))
  await one.ready()
  const last = await system.send('zoe', { user: 'a8-ann' })
  await eventually(() => expect(ann.heard.ids).toEqual([...ids.slice(0, -1), last.id]))
})
