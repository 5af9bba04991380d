import { afterAll, expect, test } from '@jest/globals'
import { openReader, readerHandler, type OpenReader } from '@freshet/reader'
import type { Route } from '@freshet/service'
import { eventually, openTestDatabase, silentLog } from '@freshet/testkit'
import { openWriter, writerRouter, type OpenWriter } from '@freshet/writer'
import express from 'express'
import { SignJWT } from 'jose'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const secret = 'a secret of the tests that is long enough'
// Its own servers, because their commands are made to fail.
const db = await openTestDatabase({ collections: ['products'], own: true })
const folder = await mkdtemp(join(tmpdir(), 'freshet-close-'))
await writeFile(join(folder, 'products.json'), JSON.stringify({ type: 'object' }))
const common = { database: db.database, collections: folder, 'token-secret': secret }
const authorization = `Bearer ${await new SignJWT({ roles: [] })
  .setProtectedHeader({ alg: 'HS256' })
  .setIssuer('freshet')
  .setAudience('freshet')
  .setSubject('ann')
  .setExpirationTime('1h')
  .sign(new TextEncoder().encode(secret))}`

afterAll(async () => {
  await db[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function open(role: 'writer', settings?: Record<string, string>): Promise<OpenWriter>
async function open(role: 'reader', settings?: Record<string, string>): Promise<OpenReader>
async function open(role: 'writer' | 'reader', more = {}): Promise<OpenWriter | OpenReader> {
  const settings = { ...common, 'mongodb-uri': db.uriFor(role), ...more }
  return role === 'writer'
    ? await openWriter({ settings, log: silentLog })
    : await openReader({ settings, log: silentLog })
}

async function served(handle: RequestListener) {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

const put = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/data/products/${id}`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"a":1}',
  })
const get = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/data/products/${id}`, { headers: { authorization } })

/** The status and code of a problem. */
async function problemOf(response: Response): Promise<unknown> {
  const [, code] = /problems\/([a-z-]+)/.exec(await response.text()) ?? []
  return [response.status, code]
}

/** Writes in progress, from the metric. */
async function inFlight({ metrics }: OpenWriter): Promise<number> {
  return Number(/^freshet_writer_in_flight (\d+)$/m.exec(await metrics.text())?.[1])
}

/** Delays every write by this much. */
const slowWrites = (blockTimeMS: number): Promise<AsyncDisposable> =>
  db.failPoint('failCommand', 'alwaysOn', {
    failCommands: ['insert', 'update', 'findAndModify', 'commitTransaction'],
    blockConnection: true,
    blockTimeMS,
  })

test('S15 close answers the writes in progress, refuses new ones, and reports that the writer is closed', async () => {
  const writer = await open('writer')
  await using host = await served(express().use('/data', writerRouter(writer)))
  expect(writer.unready()).toBeUndefined()
  const slow = await slowWrites(400)
  const writes = Array.from({ length: 5 }, (_, index) => put(host.url, `c${index}`))
  await eventually(async () => expect(await inFlight(writer)).toBe(5))
  const closing = writer.close()
  expect(writer.unready()).toBe('closing')
  expect(await problemOf(await put(host.url, 'late'))).toEqual([503, 'not-ready'])
  expect(await inFlight(writer)).toBe(5)
  const statuses = (await Promise.all(writes)).map(({ status }) => status)
  await closing
  await slow[Symbol.asyncDispose]()
  expect(statuses).toEqual([201, 201, 201, 201, 201])
  expect(writer.unready()).toBe('closed')
  expect(await problemOf(await put(host.url, 'later'))).toEqual([503, 'not-ready'])
  const stored = db.admin.db(db.database).collection('products')
  expect(await stored.countDocuments()).toBe(5)
})

test('S15 close waits no longer than stop-within, then answers the remaining writes as unknown', async () => {
  const writer = await open('writer', { 'stop-within': '200ms' })
  await using host = await served(express().use('/data', writerRouter(writer)))
  const slow = await slowWrites(2_000)
  const write = put(host.url, 'slow')
  await eventually(async () => expect(await inFlight(writer)).toBe(1))
  await writer.close()
  await slow[Symbol.asyncDispose]()
  expect((await write).status).toBe(504)
})

test('S15 close of a reader answers pending custom routes, and refuses reads of every kind', async () => {
  let release = (): void => undefined
  const waits = new Promise<void>((resolve) => (release = resolve))
  let entered = 0
  const slow: Route = {
    methods: ['GET'],
    path: '/:slow',
    who: 'public',
    answer: async ({ response }) => {
      entered += 1
      await waits
      response.end('answered')
    },
  }
  const reader = await open('reader')
  await db.admin
    .db(db.database)
    .collection<{ _id: string }>('products')
    .replaceOne({ _id: 'lamp' }, {}, { upsert: true })
  const handle = readerHandler(reader, { prefix: '/data', routes: [slow] })
  await using host = await served((request, response) => void handle(request, response))
  await eventually(async () => expect((await get(host.url, 'lamp')).status).toBe(200))
  const running = fetch(`${host.url}/data/:slow`)
  await eventually(() => expect(entered).toBe(1))
  const closing = reader.close()
  expect(reader.unready()).toBe('closing')
  expect(await problemOf(await fetch(`${host.url}/data/:slow`))).toEqual([503, 'not-ready'])
  release()
  expect(await (await running).text()).toBe('answered')
  await closing
  expect(reader.unready()).toBe('closed')
  for (const id of ['lamp', 'none']) expect((await get(host.url, id)).status).toBe(503)
})
