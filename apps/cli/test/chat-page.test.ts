import { request } from 'node:http'
import { expect, test } from '@jest/globals'
import { silentLog } from '@freshet/testkit'
import { ChatPage } from '../src/dev/chat-page.ts'

/** A page whose services are not there. */
async function openPage({ started = true } = {}) {
  const kills: number[] = []
  const service = { endpoints: { url: started ? 'http://0.0.0.0:7400' : '' } }
  const page = new ChatPage({
    port: 0,
    users: ['ann', 'bob'],
    writer: service,
    readers: [service],
    deliveries: [1, 2].map((number) => ({
      ...service,
      name: `delivery ${number}`,
      ready: true,
      kill: () => void kills.push(number),
    })),
    tokenFor: (user) => Promise.resolve(`token of ${user}`),
    log: silentLog,
  })
  await page.start()
  return { page, kills, [Symbol.asyncDispose]: () => page.stop() }
}

/** Sends a path as it is; `fetch` would normalize it. */
function get(url: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    request({ hostname, port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('the pages are served with a policy that allows only the services of the run', async () => {
  await using server = await openPage()
  const { url } = server.page
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  for (const path of ['', 'index.html', 'events.html', 'style.css', 'src/chat.js'])
    expect((await fetch(`${url}/${path}`)).status).toBe(200)
  const { headers } = await fetch(url)
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
  const policy = headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'; script-src 'self';")
  expect(policy).toContain("connect-src 'self' http://127.0.0.1:7400")
  expect(policy).toContain('ws://127.0.0.1:7400')
  // The client of the package, unchanged.
  const script = await (await fetch(`${url}/node_modules/centrifuge/build/index.mjs`)).text()
  expect(script).toContain('export { Centrifuge')
})

test('no other file is served, and nothing under another name of this machine', async () => {
  await using server = await openPage()
  const { url } = server.page
  for (const path of [
    '/package.json',
    '/test/chat.mongo.test.ts',
    '/../../package.json',
    '/src/%2e%2e/%2e%2e/package.json',
    '/src/../package.json',
    '//package.json',
    '/tokens/ann',
    '/%',
  ])
    expect([path, await get(url, path)]).toEqual([path, 404])
  expect(await get(url, '/run.json', { host: 'attacker.example' })).toBe(308)
  expect(await get(url, '/run.json', { host: `localhost:${new URL(url).port}` })).toBe(308)
})

test('only the page itself gets tokens and kills an instance', async () => {
  await using server = await openPage()
  const { url } = server.page
  const post = (path: string, origin?: string): Promise<Response> =>
    fetch(`${url}/${path}`, { method: 'POST', ...(origin !== undefined && { headers: { origin } }) })
  for (const path of ['tokens/ann', 'deliveries/1/kill']) {
    expect((await post(path)).status).toBe(403)
    expect((await post(path, 'null')).status).toBe(403)
    expect((await post(path, 'http://attacker.example')).status).toBe(403)
  }
  expect(server.kills).toEqual([])
  expect(await (await post('tokens/ann', url)).json()).toEqual({ token: 'token of ann' })
  expect((await post('deliveries/2/kill', url)).status).toBe(204)
  expect(server.kills).toEqual([2])
  for (const path of ['tokens/developer', 'deliveries/0/kill', 'deliveries/3/kill', 'deliveries/x/kill'])
    expect((await post(path, url)).status).toBe(404)
  expect((await fetch(url, { method: 'DELETE' })).status).toBe(405)
  expect(server.kills).toEqual([2])
})

test('until the services have started, the page says so', async () => {
  await using server = await openPage({ started: false })
  expect((await fetch(server.page.url)).status).toBe(503)
})
