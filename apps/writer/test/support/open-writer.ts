import { expect } from '@jest/globals'
import { defineOptions, readConfig, systemClock, type Log } from '@freshet/kit'
import { serviceOptions, startService, type RunningService } from '@freshet/service'
import { eventually, silentLog } from '@freshet/testkit'
import { SignJWT } from 'jose'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writerOptions } from '../../src/options.ts'
import { openBackend } from '../../src/store/backend.ts'
import type { Backend } from '../../src/store/contract.ts'
import { writerService } from '../../src/writer-service.ts'

export const secret = 'a secret of the tests that is long enough'

/** The collection files of the tests, by name. */
const files = {
  products: {
    'x-access': { read: 'public', write: 'public' },
    type: 'object',
    required: ['id', 'name'],
    properties: { id: { type: 'string' }, name: { type: 'string' }, price: { type: 'number', minimum: 0 } },
  },
  orders: {
    'x-concurrency': 'required',
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string' } },
  },
  numbered: {
    'x-id': 'integer',
    'x-access': { read: 'public', write: 'public' },
    type: 'object',
  },
} as const

/** The collections that the migration creates for these files. */
export const collections = Object.keys(files)

/** Writes the collection files of the tests to a directory. */
export async function writeCollectionFiles(folder: string): Promise<void> {
  for (const [name, file] of Object.entries(files))
    await writeFile(join(folder, `${name}.json`), JSON.stringify(file))
}

/** An `Authorization` header that is valid for an hour. @param handlers the services that the bearer writes for */
export function bearer(...handlers: readonly string[]): Promise<string> {
  return bearerOf('tester', handlers)
}

/** One for this caller, with these roles and groups. */
export async function bearerOf(
  caller: string,
  handlers: readonly string[] = [],
  roles: readonly string[] = [],
  groups: readonly string[] = [],
): Promise<string> {
  const token = await new SignJWT({
    ...(handlers.length > 0 && { freshet_handlers: handlers }),
    roles,
    groups,
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('freshet')
    .setAudience('freshet')
    .setSubject(caller)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
  return `Bearer ${token}`
}

/** A request, as tests write it. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, except strings and bytes, which are sent as is. */
  readonly body?: unknown
}

/** A complete answer. */
export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body, which must be a JSON object. */
  readonly json: Record<string, unknown>
}

/** A writer on real sockets with a real database. */
export interface OpenWriter extends AsyncDisposable {
  readonly service: RunningService
  send(method: string, path: string, sent?: Sent): Promise<Got>
  status(): Promise<Record<string, unknown>>
}

/** How writers of different tests differ. */
export interface OpenWriterOptions {
  readonly argv?: readonly string[]
  readonly log?: Log
  /** Wraps or replaces the backend. */
  readonly over?: (backend: Backend) => Backend
}

/** Resolves when the writer knows its source. */
export async function openWriter(uri: string, options: OpenWriterOptions = {}): Promise<OpenWriter> {
  const writer = await openWriterAtOnce(uri, options)
  await eventually(async () => expect(await writer.status()).toMatchObject({ source: expect.any(String) }))
  return writer
}

/** Does not wait for the database. */
export async function openWriterAtOnce(uri: string, options: OpenWriterOptions = {}): Promise<OpenWriter> {
  const { over = (backend: Backend) => backend, argv = [] } = options
  const folder = await mkdtemp(join(tmpdir(), 'freshet-writer-'))
  await writeCollectionFiles(folder)
  const config = readConfig(defineOptions({ ...serviceOptions, ...writerOptions }), {
    argv: [
      '--port=0',
      '--management-port=0',
      '--database=shop',
      ...(argv.some((one) => one.startsWith('--collections=')) ? [] : [`--collections=${folder}`]),
      ...argv,
    ],
    env: {
      [uri.startsWith('postgres:') ? 'FRESHET_POSTGRES_URI' : 'FRESHET_MONGODB_URI']: uri,
      ...(!argv.includes('--no-tokens') && { FRESHET_TOKEN_SECRET: secret }),
    },
    readFile: () => '',
  })
  const start = startService({
    definition: writerService({
      version: '0.0.0',
      open: (config, tools) => over(openBackend(config, tools)),
    }),
    config,
    log: options.log ?? silentLog,
    clock: systemClock,
    signal: new AbortController().signal,
  })
  const clean = () => rm(folder, { recursive: true })
  const service = await start.catch(async (error: unknown) => {
    await clean()
    throw error
  })
  const writer: OpenWriter = {
    service,
    send: (method, path, sent) => send(`${service.url}/v1/${path}`, method, sent),
    status: async () => (await send(`${service.managementUrl}/statusz`, 'GET')).json,
    [Symbol.asyncDispose]: async () => {
      await service.stop()
      await clean()
    },
  }
  return writer
}

async function send(url: string, method: string, { headers = {}, body }: Sent = {}): Promise<Got> {
  const raw = typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text) as Record<string, unknown>
    },
  }
}
