import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { ConfigError, defineOptions, text } from '@freshet/kit'
import { eventually } from '@freshet/testkit'
import { runService } from '../src/index.ts'
import type { App, ServiceDefinition, ServiceTools } from '../src/index.ts'
import { FakeProcess } from './fake-process.ts'
import { openShell } from './open-shell.ts'

const options = defineOptions({ greeting: text('greeting', 'hello', 'What it says.') })
const free = ['--port', '0', '--management-port', '0']

/** A service whose app reports what happens to it. */
function bench(
  argv: readonly string[],
  changed: Partial<App> = {},
  env: Record<string, string> = {},
  before: (tools: ServiceTools) => Promise<void> = async () => undefined,
) {
  const host = new FakeProcess(argv, env)
  const events: string[] = []
  const definition: ServiceDefinition<typeof options> = {
    role: 'greeter',
    version: '1.2.3',
    description: 'Greets.',
    options,
    build: async ({ greeting }, tools) => {
      await before(tools)
      return {
        handle: (_, response) => void response.end(greeting),
        parts: [
          { name: 'part', start: () => void events.push('start'), stop: () => void events.push('stop') },
        ],
        health: { started: () => true, unready: () => undefined, status: () => ({ answers: 42 }) },
        ...changed,
      }
    },
  }
  const ended = runService(definition, host)
  const listening = async () => {
    await eventually(() => expect(host.line('listening')).toBeDefined())
    const line = host.line('listening')
    return { url: String(line?.['url']), managementUrl: String(line?.['managementUrl']) }
  }
  return { host, events, ended, listening }
}

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status

test('it starts its parts, logs both addresses in one line, answers, and exits with 0 after SIGTERM', async () => {
  const { host, events, ended, listening } = bench([
    ...free,
    '--no-tokens',
    '--greeting=hi',
    '--log-level',
    'error',
  ])
  const { url, managementUrl } = await listening()
  expect(host.line('listening')).toMatchObject({ role: 'greeter', msg: 'listening', url, managementUrl })
  expect(await (await fetch(url)).text()).toBe('hi')
  const paths = ['/livez', '/startupz', '/readyz', '/metrics', '/statusz', '/other']
  expect(await Promise.all(paths.map((path) => statusOf(managementUrl + path)))).toEqual([
    200, 200, 200, 200, 200, 404,
  ])
  const status = await (await fetch(`${managementUrl}/statusz`)).json()
  expect(status).toMatchObject({
    role: 'greeter',
    version: '1.2.3',
    answers: 42,
    connections: expect.any(Number),
  })
  const metrics = await (await fetch(`${managementUrl}/metrics`)).text()
  expect(metrics).toMatch(/^freshet_http_requests_total 1$/m)
  expect((await fetch(`${managementUrl}/livez`, { method: 'POST' })).status).toBe(405)
  host.emit('SIGTERM')
  await ended
  expect([host.exits, events]).toEqual([[0], ['start', 'stop']])
  await expect(fetch(url)).rejects.toThrow()
  await expect(fetch(managementUrl)).rejects.toThrow()
})

test('a second signal ends it at once', async () => {
  const { host, ended, listening } = bench([...free, '--no-tokens', '--drain', '500ms'])
  await listening()
  host.emit('SIGTERM')
  host.emit('SIGTERM')
  expect(host.exits).toEqual([130])
  await ended
})

test('a signal while a part is starting stops it with exit code 0', async () => {
  const events: string[] = []
  const start = (): Promise<void> => {
    events.push('start')
    return new Promise(() => undefined)
  }
  const { host, ended } = bench([...free, '--no-tokens'], {
    parts: [{ name: 'part', start, stop: () => void events.push('stop') }],
  })
  await eventually(() => expect(events).toEqual(['start']))
  host.emit('SIGTERM')
  await ended
  expect([host.exits, events, host.line('listening')]).toEqual([[0], ['start', 'stop'], undefined])
})

test('an app that is not ready says why', async () => {
  const health = { started: () => false, unready: () => 'loading', status: () => ({}) }
  const { host, ended, listening } = bench([...free, '--no-tokens'], { health })
  const { managementUrl } = await listening()
  expect(
    await Promise.all(['/startupz', '/readyz', '/livez'].map((path) => statusOf(managementUrl + path))),
  ).toEqual([503, 503, 200])
  host.emit('SIGTERM')
  await ended
})

test.each<[string, string[], Record<string, string>, RegExp]>([
  ['an unknown flag', ['--prot', '1'], {}, /"--prot"/],
  ['no way to authenticate callers', [], {}, /Expected one of --token-secret-file/],
  ['two ways to authenticate callers', ['--no-tokens', '--token-keys-url', 'http://x/'], {}, /got 2/],
  ['no tokens outside loopback', ['--no-tokens', '--host', '0.0.0.0'], {}, /--no-tokens requires a loopback/],
  [
    'no tokens with a host name',
    ['--no-tokens', '--host', '127.0.0.1.example.com'],
    {},
    /--no-tokens requires a loopback/,
  ],
  [
    'a private key instead of public ones',
    [],
    {
      FRESHET_TOKEN_PUBLIC_KEYS: generateKeyPairSync('ed25519')
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    },
    /expected public keys only/,
  ],
  [
    'a private JWK',
    [],
    { FRESHET_TOKEN_PUBLIC_KEYS: '{"keys":[{"kty":"OKP","d":"x"}]}' },
    /public keys only/,
  ],
  [
    'a shared secret as JWK',
    [],
    { FRESHET_TOKEN_PUBLIC_KEYS: '{"keys":[{"kty":"oct"}]}' },
    /public keys only/,
  ],
  ['no public key', [], { FRESHET_TOKEN_PUBLIC_KEYS: '{"keys":[]}' }, /expected RSA keys/],
  [
    'a key that cannot be used',
    [],
    { FRESHET_TOKEN_PUBLIC_KEYS: '{"keys":[{"kty":"RSA"}]}' },
    /expected RSA keys/,
  ],
  ['no JWKS', [], { FRESHET_TOKEN_PUBLIC_KEYS: '{"kty":"OKP"}' }, /"keys"/],
  ['neither JWKS nor PEM', [], { FRESHET_TOKEN_PUBLIC_KEYS: 'key' }, /expected RSA keys/],
  ['a short secret', [], { FRESHET_TOKEN_SECRET: 'short-secret' }, /too short; expected at least 32 bytes/],
  ['headers slower than all', ['--no-tokens', '--headers-within', '60s'], {}, /--headers-within is longer/],
])(
  '%s ends it with 78 and a message, without the secret and without a log line',
  async (_, argv, env, message) => {
    const { host, ended } = bench([...free, ...argv], {}, env)
    await ended
    expect([host.exits, host.out]).toEqual([[78], ''])
    expect(host.err).toMatch(message)
    expect(host.err).not.toContain('short-secret')
  },
)

test('a configuration that only the app can validate ends it with 78 too', async () => {
  const host = new FakeProcess([...free, '--no-tokens'])
  const build = (): never => {
    throw new ConfigError('CONFLICT', 'The directory of collections is empty.')
  }
  await runService({ role: 'greeter', version: '1', description: '', options, build }, host)
  expect([host.exits, host.err]).toEqual([
    [78],
    expect.stringContaining('The directory of collections is empty.'),
  ])
})

test('a part that cannot start ends it with 1, and the ports are closed again', async () => {
  const start = () => Promise.reject(new Error('no database'))
  const { host, ended } = bench([...free, '--no-tokens'], {
    parts: [{ name: 'part', start, stop: () => undefined }],
  })
  await ended
  expect(host.exits).toEqual([1])
  expect(host.err).toContain('no database')
})

test.each(['uncaughtException', 'unhandledRejection'])(
  'an %s is logged and ends it with 1',
  async (event) => {
    const { host, ended, listening } = bench([...free, '--no-tokens'])
    await listening()
    host.emit(event, new Error('lost'))
    expect(host.exits).toEqual([1])
    expect(host.line('uncaught error')).toMatchObject({
      event,
      err: { message: 'lost' },
    })
    host.emit('SIGTERM')
    await ended
  },
)

test('help lists the options of the app and of every service, and starts nothing', async () => {
  const { host, ended } = bench(['--help'])
  await ended
  expect(host.exits).toEqual([0])
  for (const flag of ['--greeting TEXT', '--token-secret-file PATH', '--max-body SIZE'])
    expect(host.out).toContain(flag)
})

test('pages of allowed origins may read our headers and send theirs; others may not', async () => {
  const { host, ended, listening } = bench([...free, '--no-tokens', '--cors-origins', 'https://a.example'])
  const { url } = await listening()
  const ask = (origin: string, extra: { method?: string; headers?: Record<string, string> } = {}) =>
    fetch(url, { ...extra, headers: { origin, ...extra.headers } })
  const mine = await ask('https://a.example')
  expect(mine.headers.get('access-control-allow-origin')).toBe('https://a.example')
  expect(mine.headers.get('access-control-expose-headers')).toContain('freshet-position')
  expect(mine.headers.get('vary')).toBe('Origin')
  const preflight = await ask('https://a.example', {
    method: 'OPTIONS',
    headers: {
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,if-match,traceparent,baggage,sentry-trace',
    },
  })
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
    204,
    'authorization,if-match,traceparent,baggage,sentry-trace',
  ])
  expect((await ask('https://b.example')).headers.get('access-control-allow-origin')).toBeNull()
  host.emit('SIGTERM')
  await ended
})

test('during startup the management port says so, and a signal ends it', async () => {
  const unused = await openShell(() => undefined)
  const managementUrl = unused.url
  await unused[Symbol.asyncDispose]()
  const port = `--management-port=${new URL(managementUrl).port}`
  const { host, ended } = bench(['--port=0', port, '--no-tokens'], {}, {}, async ({ clock, signal }) => {
    await clock.sleep(3_600_000, signal)
    throw new Error('nobody waits for it any more')
  })
  await eventually(async () => expect(await statusOf(`${managementUrl}/livez`)).toBe(200))
  expect(await (await fetch(`${managementUrl}/readyz`)).json()).toEqual({ ok: false, why: 'starting' })
  expect(await statusOf(`${managementUrl}/startupz`)).toBe(503)
  expect(await (await fetch(`${managementUrl}/statusz`)).json()).toMatchObject({ role: 'greeter' })
  host.emit('SIGTERM')
  await ended
  expect([host.exits, host.line('listening')]).toEqual([[0], undefined])
  await expect(fetch(managementUrl)).rejects.toThrow()
})
