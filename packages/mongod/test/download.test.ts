import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, jest, test } from '@jest/globals'
import { DryMongoBinary } from 'mongodb-memory-server-core'
import { isWithoutProxy } from '../src/no-proxy.ts'
import { findDownload, downloadMongod } from '../src/own-download.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-download-'))
const before = { ...process.env }
afterAll(() => rmSync(folder, { recursive: true }))
// The library reads process.env.
const downloadVariables = /^MONGOMS_|_?proxy$/i
const clearVariables = (): void => {
  for (const name of Object.keys(process.env)) if (downloadVariables.test(name)) delete process.env[name]
}
clearVariables()
afterEach(clearVariables)
afterAll(() => void Object.assign(process.env, before))

/** An archive like those on mongodb.com. The library rejects very small ones. */
const size = 2 ** 21
mkdirSync(join(folder, 'mongodb', 'bin'), { recursive: true })
writeFileSync(
  join(folder, 'mongodb', 'bin', 'mongod'),
  '#!/bin/sh\necho "db version v7.0.14"; exit\n'.padEnd(size),
  {
    mode: 0o755,
  },
)
execFileSync('tar', ['czf', join(folder, 'archive.tgz'), '-C', folder, 'mongodb'])
const archive = readFileSync(join(folder, 'archive.tgz'))

/** A mirror that serves the archive for every path, and answers only GET. */
async function openMirror() {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.method !== 'GET') return void response.destroy()
    const md5 = request.url?.endsWith('.md5')
    const body = md5 ? createHash('md5').update(archive).digest('hex') : archive
    response.writeHead(200, { 'content-length': body.length }).end(body)
  })
  return { asked, ...(await listening(server)) }
}

/** A proxy with these credentials that connects every host name to the mirror. */
async function openProxy(mirrorPort: number, credentials = '') {
  const asked: string[] = []
  const server = createServer((_request, response) => void response.writeHead(400).end())
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    socket.on('error', () => undefined)
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`
    if ((request.headers['proxy-authorization'] ?? '') !== wanted)
      return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const through = connect(mirrorPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      through.pipe(socket).pipe(through)
    })
    through.on('error', () => socket.destroy())
  })
  return { asked, ...(await listening(server)) }
}

async function listening(server: ReturnType<typeof createServer>) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The cache after a download with these variables. */
async function download(variables: Readonly<Record<string, string>>): Promise<string> {
  const cache = mkdtempSync(join(folder, 'cache-'))
  Object.assign(process.env, variables)
  const path = await downloadMongod(cache, process.env)
  expect(execFileSync(path, { encoding: 'utf8' })).toBe('db version v7.0.14\n')
  // The library caches the path.
  DryMongoBinary.binaryCache.clear()
  expect(await findDownload(cache)).toBe(path)
  expect(readdirSync(cache).map((name) => join(cache, name))).toEqual([path, `${path}.md5`])
  return path
}

test('an http mirror is used, with its path, and only with GET', async () => {
  await using mirror = await openMirror()
  await download({ MONGOMS_DOWNLOAD_MIRROR: `http://127.0.0.1:${mirror.port}/mongo` })
  expect(mirror.asked).toEqual([
    expect.stringMatching(/^GET \/mongo\/\w+\/mongodb-\S+-7\.0\.14\.tgz$/),
    expect.stringMatching(/\.tgz\.md5$/),
  ])
})

test('nothing is printed to standard output', async () => {
  const printed = jest.spyOn(console, 'log').mockImplementation(() => undefined)
  const written = jest.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    await using mirror = await openMirror()
    await download({ MONGOMS_DOWNLOAD_MIRROR: `http://127.0.0.1:${mirror.port}` })
    expect([printed, written].map(({ mock }) => mock.calls.length)).toEqual([0, 0])
  } finally {
    printed.mockRestore()
    written.mockRestore()
  }
})

test('the URL of an archive overrides the site', async () => {
  await using mirror = await openMirror()
  const path = '/own/mongodb-linux-x86_64-ubuntu2204-7.0.14.tgz'
  await download({ MONGOMS_DOWNLOAD_URL: `http://127.0.0.1:${mirror.port}${path}` })
  expect(mirror.asked).toEqual([`GET ${path}`, `GET ${path}.md5`])
})

test.each([
  'https_proxy',
  'HTTPS_PROXY',
  'http_proxy',
  'HTTP_PROXY',
  'npm_config_proxy',
  'npm_config_https-proxy',
])('the proxy in %s is asked for the host and port of the mirror, with its credentials', async (name) => {
  await using mirror = await openMirror()
  await using proxy = await openProxy(mirror.port, 'ann:p w')
  await download({
    MONGOMS_DOWNLOAD_MIRROR: 'http://mirror.invalid:8081',
    [name]: `http://ann:p%20w@127.0.0.1:${proxy.port}`,
  })
  expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT mirror.invalid:8081']))
})

test('a host in NO_PROXY is contacted directly', async () => {
  await using mirror = await openMirror()
  await using proxy = await openProxy(mirror.port)
  await download({
    MONGOMS_DOWNLOAD_MIRROR: `http://127.0.0.1:${mirror.port}`,
    HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
    NO_PROXY: 'localhost, 127.0.0.1',
  })
  expect([proxy.asked, mirror.asked.length]).toEqual([[], 2])
})

test('if the mirror or proxy is unreachable, the download fails fast and names the host', async () => {
  const mirror = { MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:1' }
  await expect(download(mirror)).rejects.toThrow(
    '127.0.0.1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
  )
  await expect(download({ ...mirror, https_proxy: 'http://127.0.0.2:1' })).rejects.toThrow(
    'ECONNREFUSED 127.0.0.2:1',
  )
})

test('a disabled download is not attempted', async () => {
  await expect(download({ MONGOMS_RUNTIME_DOWNLOAD: 'false' })).rejects.toThrow('MONGOMS_RUNTIME_DOWNLOAD')
})

test.each([
  ['mirror.lan', true],
  ['LAN', true],
  ['.lan', true],
  ['*.lan', true],
  ['other.org  mirror.lan', true],
  ['mirror.lan:8443', true],
  ['mirror.lan:443', false],
  ['*', true],
  ['ror.lan', false],
  ['mirror.lan.org', false],
  ['', false],
])('NO_PROXY=%s for mirror.lan at port 8443: %s', (value, exempt) => {
  const url = new URL('https://mirror.lan:8443/')
  expect(isWithoutProxy(url, { NO_PROXY: value })).toBe(exempt)
  expect(isWithoutProxy(url, { no_proxy: value })).toBe(exempt)
})

test('NO_PROXY accepts both spellings of IPv6 addresses', () => {
  const url = new URL('https://[::1]:8443/')
  for (const value of ['::1', '[::1]', '[::1]:8443'])
    expect(isWithoutProxy(url, { NO_PROXY: value })).toBe(true)
})
