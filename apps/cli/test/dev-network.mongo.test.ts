import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { devLineOf } from './support/dev-line.ts'
import { Program } from './support/program.ts'
import { openProxy } from './support/proxied.ts'

const page = 'http://localhost:3000'

/** A run in a shell with a proxy, with services that other machines can reach. */
let proxy: Awaited<ReturnType<typeof openProxy>>
let dev: Program
beforeAll(async () => {
  proxy = await openProxy()
  const args = ['--json', '--port=0', '--ephemeral', '--readers=1', '--deliveries=0', '--host=0.0.0.0']
  dev = new Program(['dev', ...args, '--feed-batch=20ms', `--cors-origins=${page}`], undefined, {
    env: proxy.env,
  })
})
afterAll(() => dev[Symbol.asyncDispose]())
afterAll(() => proxy[Symbol.asyncDispose]())

test('dev, its sample data and an audit bypass the proxy of the shell', async () => {
  expect(await dev.json()).toMatchObject({ ready: true })
  await using audit = new Program(['audit', '--for=1s', '--json'], dev.cwd, { env: proxy.env })
  const { code, printed, said } = await audit.outcome
  expect({ code, said }).toEqual({ code: 0, said: '' })
  expect(JSON.parse(printed)).toMatchObject({ wrong: 0 })
  expect(proxy.connections()).toBe(0)
})

test('readers get --feed-batch', async () => {
  await dev.json()
  const readers = dev
    .family()
    .map((pid) => Program.commandOf(pid))
    .filter((command) => /reader.*main\.[jt]s/.test(command))
  expect(readers).toEqual([expect.stringContaining(' --feed-batch=20ms')])
})

test('writer and readers listen on --host, allow --cors-origins, and are reachable locally', async () => {
  const { writer, readers, management } = devLineOf(await dev.json())
  for (const url of [writer, ...readers, management.writer, ...management.readers])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  for (const url of [writer, ...readers]) {
    // Another address of this machine, as other machines would use it.
    const asked = `${url.replace('127.0.0.1', '127.0.0.9')}/v1/products/lamp-oak`
    const preflight = { origin: page, 'access-control-request-method': 'GET' }
    const { status, headers } = await fetch(asked, { method: 'OPTIONS', headers: preflight })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([204, page])
  }
  // Health, metrics and the database stay on 127.0.0.1.
  await expect(fetch(`${management.writer.replace('127.0.0.1', '127.0.0.9')}/livez`)).rejects.toThrow()
})

test('negative control: fetch and the global agent use that proxy', async () => {
  await using used = await openProxy()
  const ask = `
    await fetch('http://127.0.0.1:7999/').catch(() => undefined)
    const { get } = await import('node:http')
    await new Promise((resolve) => get('http://127.0.0.1:7999/', resolve).on('error', resolve))
    process.exit()`
  await using program = new Program([], undefined, {
    program: ['--input-type=module', '-e', ask],
    env: used.env,
  })
  await program.outcome
  expect(used.connections()).toBe(2)
})
