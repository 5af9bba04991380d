import { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { runInThisContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { lineageHeaders } from '../../src/handlers/outgoing.ts'
import { change, never, serviceOf } from './support.ts'

/** The parts of undici's agents that matter here. */
interface Agent {
  dispatch(options: unknown, handler: unknown): boolean
  destroy(): Promise<void>
}

/** The runtime's own undici looks for its agent there, whatever context a test runs in. */
const outer = Object(runInThisContext('globalThis'))
const place = Symbol.for('undici.globalDispatcher.1')
const agents: Agent[] = []
let usual: unknown

/** An agent of the runtime with two connections for each origin: more requests wait in its queue. */
function limited(): Agent {
  const agent: unknown = Reflect.construct(Object(usual).constructor, [{ connections: 2 }])
  agents.push(agent as Agent)
  return agent as Agent
}

/** What each request said, by its path. */
const seen = new Map<string, unknown>()
let server: Server
let url = ''
beforeAll(async () => {
  void outer.Headers
  usual = outer[place]
  server = createServer((request, response) => {
    seen.set(request.url ?? '', request.headers['freshet-cause'])
    const [, away] = (request.url ?? '').split('?to=')
    if (away) response.writeHead(307, { location: away })
    setImmediate(() => response.end())
  }).listen(0)
  await once(server, 'listening')
  const address = server.address()
  url = typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
})
afterAll(async () => {
  outer[place] = usual
  for (const agent of agents) await agent.destroy()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const call = async (path: string, init: object = {}): Promise<void> => {
  await (await fetch(url + path, init)).arrayBuffer()
}

const numbers = Array.from({ length: 40 }, (_, n) => n)
const saidBy = (n: number): string => `s/h;heard="c/${n}";writes=""`

/** Handlers and others call at once; what was not said as it had to be, by path. */
async function mixed(name: string, init: () => object): Promise<readonly string[]> {
  const { handlers } = serviceOf()
  const handle = ({ id }: { id: string }): Promise<void> => call(`/${name}/handler/${id}`, init())
  const handler = { name: 'h', collections: ['c'], handle }
  const runs = handlers.add(handler)
  await Promise.all(
    numbers.flatMap((n) => [runs.hear(change(`c/${n}`), never), call(`/${name}/plain/${n}`, init())]),
  )
  handlers.remove(handler)
  return numbers.flatMap((n) =>
    [
      seen.get(`/${name}/handler/${n}`) === saidBy(n) ? [] : [`handler ${n}`],
      seen.get(`/${name}/plain/${n}`) === undefined ? [] : [`plain ${n}`],
    ].flat(),
  )
}

test('G6.1 requests that wait for a connection say why they were made, and not why the connection was', async () => {
  outer[place] = limited()
  expect(await mixed('global', () => ({}))).toEqual([])
  // An agent that comes later, as another copy of undici does when it is asked for.
  const agent = limited()
  outer[place] = { dispatch: (options: unknown, handler: unknown) => agent.dispatch(options, handler) }
  expect(await mixed('other', () => ({}))).toEqual([])
  outer[place] = usual
})

test('G6.1 so do those that bring an agent of their own, of whatever class', async () => {
  const agent = limited()
  class Wrapping {
    dispatch(options: unknown, handler: unknown): boolean {
      return agent.dispatch(options, handler)
    }
  }
  const wrapping = new Wrapping()
  expect(await mixed('own', () => ({ dispatcher: agent }))).toEqual([])
  expect(await mixed('wrapping', () => ({ dispatcher: wrapping }))).toEqual([])
})

test('G6.1 of a copy of undici that nobody knows is told what its caller was, where it remembers him, and nothing else', async () => {
  const { handlers } = serviceOf()
  const publish = (handler: unknown): unknown => {
    const added: Record<string, string> = {}
    const addHeader = (name: string, value: string): unknown => (added[name] = value)
    const request = { origin: url, headers: [], addHeader, [Symbol('handler')]: handler }
    channel('undici:request:create').publish({ request })
    return added
  }
  const outside = new AsyncResource('caller')
  const made: AsyncResource[] = []
  const told: unknown[] = []
  const handler = {
    name: 'h',
    collections: ['c'],
    handle: () => {
      made.push(new AsyncResource('caller'))
      told.push(publish(outside), publish({}))
    },
  }
  await handlers.add(handler).hear(change('c/1'), never)
  told.push(publish(made[0]))
  handlers.remove(handler)
  expect(told).toEqual([{}, {}, { 'freshet-hops': '1', 'freshet-cause': saidBy(1) }])
})

test('G6.1 headers of every form stay, in handlers and elsewhere, and nothing is said twice', async () => {
  const agent = limited()
  const echo = createServer((request, response) => response.end(JSON.stringify(request.headersDistinct)))
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  const address = echo.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const heard = (headers: unknown): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      agent.dispatch(
        { origin, path: '/', method: 'GET', headers },
        {
          onConnect: () => undefined,
          onHeaders: () => true,
          onData: (chunk: Buffer) => Boolean(chunks.push(chunk)),
          onComplete: () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))),
          onError: reject,
        },
      )
    })
  const own = { a: ['1'], b: ['2', '3'] }
  const forms = [
    { a: '1', b: ['2', '3'] },
    ['a', '1', 'b', ['2', '3']],
    new Map<string, unknown>([
      ['a', '1'],
      ['b', ['2', '3']],
    ]),
  ]
  const { handlers } = serviceOf()
  const inside: unknown[] = []
  const handler = {
    name: 'h',
    collections: ['c'],
    handle: async () => {
      for (const form of [undefined, ...forms, lineageHeaders()]) inside.push(await heard(form))
    },
  }
  await handlers.add(handler).hear(change('c/1'), never)
  const outside = await Promise.all(forms.map(heard))
  handlers.remove(handler)
  echo.closeAllConnections()
  echo.close()
  const told = { 'freshet-hops': ['1'], 'freshet-cause': [saidBy(1)] }
  expect(inside).toEqual([{}, own, own, own, {}].map((had) => expect.objectContaining({ ...had, ...told })))
  for (const headers of outside) {
    expect(headers).toMatchObject(own)
    expect(headers).not.toHaveProperty('freshet-cause')
  }
})

test('G6.1 who is sent on to a stranger does not tell him', async () => {
  outer[place] = limited()
  const { handlers } = serviceOf({ tells: (origin) => origin === url })
  const stranger = url.replace('127.0.0.1', 'localhost')
  const handler = {
    name: 'h',
    collections: ['c'],
    handle: () => call(`/sent-on?to=${stranger}/stranger`),
  }
  await handlers.add(handler).hear(change('c/1'), never)
  handlers.remove(handler)
  outer[place] = usual
  expect(seen.get(`/sent-on?to=${stranger}/stranger`)).toBe(saidBy(1))
  expect(seen.has('/stranger')).toBe(true)
  expect(seen.get('/stranger')).toBeUndefined()
})

test('G6.1 when the last handler is gone, the runtime is as it was', async () => {
  const base = Object.getPrototypeOf(Object.getPrototypeOf(usual))
  const before = [base.dispatch, globalThis.fetch]
  const { handlers } = serviceOf()
  const handler = { name: 'h', collections: ['c'], handle: () => undefined }
  handlers.add(handler)
  expect([base.dispatch, globalThis.fetch]).not.toEqual(before)
  handlers.remove(handler)
  expect([base.dispatch, globalThis.fetch]).toEqual(before)
})
