import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { devLineOf } from './support/dev-line.ts'
import { openLiar } from './support/liar.ts'
import { Program } from './support/program.ts'

const started = ['dev', '--json', '--port=0']
let dev: Program
let line: Record<string, unknown>
let readers: readonly string[]
let doors: readonly string[]

beforeAll(async () => {
  dev = new Program(started)
  line = await dev.json()
  const { readers: urls, management } = devLineOf(line)
  readers = urls
  doors = management.readers
  await using developer = new MongoClient(String(line['mongodb']))
  // From here on the server records every change and its user.
  const filter = { op: { $nin: ['query', 'getmore'] } }
  await developer.db('shop').command({ profile: 2, filter })
})
afterAll(() => dev[Symbol.asyncDispose]())

const get = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { headers: { authorization: `Bearer ${String(line['token'])}`, ...headers } })

test('the JSON line lists every URL, and each one answers', async () => {
  const door = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)
  expect(line).toEqual({
    ready: true,
    writer: door,
    readers: [door, door],
    deliveries: [door, door],
    management: { writer: door, readers: [door, door], deliveries: [door, door] },
    mongodb: expect.stringMatching(/^mongodb:\/\/developer:/),
    database: 'shop',
    chat: door,
    token: expect.stringMatching(/^ey/),
  })
  for (const url of [devLineOf(line).management.writer, ...doors])
    expect((await get(`${url}/readyz`)).status).toBe(200)
})

test('P4 every reader returns what was posted to the writer, byte for byte', async () => {
  const document = { name: 'Kettle', price: 12.5, stock: 3 }
  const posted = await fetch(`${String(line['writer'])}/v1/products`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${String(line['token'])}` },
    body: JSON.stringify(document),
  })
  expect(posted.status).toBe(201)
  const position = posted.headers.get('freshet-position') ?? ''
  const stored = (await posted.json()) as { id: string }
  expect(stored).toEqual({ id: stored.id, ...document })
  const texts = await Promise.all(
    readers.map(async (reader) => {
      const answer = await get(`${reader}/v1/products/${stored.id}`, { 'freshet-at-least': position })
      return `${answer.status} ${answer.headers.get('etag')} ${await answer.text()}`
    }),
  )
  expect(texts[0]).toMatch(`200 ${posted.headers.get('etag')} {"id":"${stored.id}"`)
  expect(texts[1]).toBe(texts[0])
})

test('the token key is readable only by its owner, and another token can be created', async () => {
  const path = join(dev.cwd, '.freshet', 'token-key')
  expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
  await using program = new Program(['token', '--subject=ann', '--for=1m'], dev.cwd)
  const { code, printed } = await program.outcome
  expect(code).toBe(0)
  const authorization = `Bearer ${printed.trim()}`
  expect((await get(`${readers[0]}/v1/orders/none`, { authorization })).status).toBe(404)
  expect((await get(`${readers[0]}/v1/orders/none`, { authorization: `${authorization}x` })).status).toBe(401)
})

/** Number of requests that each reader has received. */
const requests = (): Promise<readonly number[]> =>
  Promise.all(
    doors.map(async (door) => {
      const metrics = await (await get(`${door}/metrics`)).text()
      return Number(/^freshet_http_requests_total (\d+)$/m.exec(metrics)?.[1])
    }),
  )

test('P2 an audit of the running system with changing data covers every reader and finds nothing wrong', async () => {
  const before = await requests()
  // Once is enough unless the machine is busy.
  for (let audited = 0; audited <= 100;) {
    await using program = new Program(['audit', '--for=3s', '--json'], dev.cwd)
    const { code, printed, said } = await program.outcome
    const { wrong, examples, ...report } = JSON.parse(printed)
    expect({ said, wrong, examples, code }).toEqual({ said: '', wrong: 0, examples: [], code: 0 })
    audited += report.audited
  }
  const asked = (await requests()).map((count, at) => count - (before[at] ?? count))
  expect(Math.min(...asked)).toBeGreaterThan(0)
})

test('negative control: an audit of two readers detects the second one, which sometimes changes one digit', async () => {
  let lies = 0
  await using liar = await openLiar(readers[0] ?? '', (told, { turn }) => {
    const body = told.body.toString().replace(/[0-8](?=\D*$)/, '9')
    if (told.status !== 200 || turn % 5 > 0 || body === told.body.toString()) return told
    lies += 1
    return { ...told, body: Buffer.from(body) }
  })
  await using program = new Program(
    ['audit', `--reader-urls=${readers[0]},${liar.url}`, '--for=2s', '--json'],
    dev.cwd,
  )
  const { code, printed } = await program.outcome
  const { wrong } = JSON.parse(printed)
  expect(lies).toBeGreaterThan(0)
  expect([wrong, code]).toEqual([lies, 1])
})

test('G4.6 according to the server, no user of a reader or an audit wrote anything', async () => {
  await using developer = new MongoClient(String(line['mongodb']))
  const profile = developer.db('shop').collection('system.profile')
  const writes = { op: { $in: ['insert', 'update', 'remove'] } }
  expect(await profile.countDocuments({ ...writes, user: /^freshet-(reader|auditor)@/ })).toBe(0)
  const commands = await profile.distinct('command', { op: 'command', user: /^freshet-(reader|auditor)@/ })
  const names = new Set(commands.map((command) => Object.keys(Object(command))[0]))
  expect([...names].filter((name) => !reading.has(String(name)))).toEqual([])
  // The writer's commands were recorded, so those of readers would have been too.
  expect(await profile.countDocuments({ ...writes, user: /^freshet-writer@/ })).toBeGreaterThan(0)
})

/** The commands that readers send, in addition to `find` and `getMore`. */
const reading: ReadonlySet<string> = new Set([
  'aggregate',
  'connectionStatus',
  'hello',
  'killCursors',
  'ping',
  'listCollections',
])

test('Ctrl-C shuts down gracefully and leaves no process behind; the next run has the data', async () => {
  const family = dev.family()
  // Three services, the database and its watchdog.
  expect(family.length).toBeGreaterThanOrEqual(6)
  dev.signal('SIGINT')
  const { code, said } = await dev.outcome
  const [, ...later] = said.split('\n')
  const farewell = `Stopping …; the data remains in ${join(dev.cwd, '.freshet')}.`
  expect({ code, later }).toEqual({ code: 0, later: [farewell, ''] })
  await dev.gone()
  expect(existsSync(join(dev.cwd, '.freshet', 'running.json'))).toBe(false)

  await using again = new Program([...started, '--no-sample', '--readers=1', '--deliveries=0'], dev.cwd)
  const [reader] = (await again.json())['readers'] as readonly string[]
  expect((await get(`${reader}/v1/products/lamp-oak`)).status).toBe(200)
})
