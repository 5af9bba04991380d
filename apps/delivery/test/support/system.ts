import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recipients } from '@freshet/messages'
import { openTestDatabase, type TestDatabaseOptions } from '@freshet/testkit'
import { signedToken } from './real-delivery.ts'
import { ServiceProcess } from './service-process.ts'

/** What a system consists of, in addition to a writer. */
export interface SystemOptions extends TestDatabaseOptions {
  readonly deliveries?: number
  /** Options of each delivery. */
  readonly args?: readonly string[]
}

/** An answer of the writer or a reader. */
export interface Answer {
  readonly status: number
  readonly body: StoredMessage
}

/** The fields of messages that tests look at. */
export interface StoredMessage {
  readonly id: string
  readonly conv: string
  readonly seq: number
}

const GIVE_UP_MS = 60_000

/** A replica set, a writer, a reader and deliveries, each a process of its own. */
export async function openSystem({ deliveries: count = 2, args = [], ...options }: SystemOptions = {}) {
  const db = await openTestDatabase({ own: true, messages: true, ...options })
  const tokens = new Map<string, Promise<string>>()
  const tokenOf = (sub: string): Promise<string> => {
    const claims = sub === 'chief' ? { roles: ['messages-admin'] } : {}
    const token = tokens.get(sub) ?? signedToken(sub, claims)
    tokens.set(sub, token)
    return token
  }
  const messages = ['--messages']
  const [writer, reader, ...deliveries] = await Promise.all([
    ServiceProcess.start({ app: 'writer', uri: db.uriFor('writer'), args: messages }),
    ServiceProcess.start({ app: 'reader', uri: db.uriFor('reader'), args: messages }),
    ...Array.from({ length: count }, () =>
      ServiceProcess.start({ app: 'delivery', uri: db.uriFor('delivery'), args }),
    ),
  ])
  /** One request, repeated while it may still succeed, as a page would do. */
  const write = async (sub: string, method: string, path: string, body?: object): Promise<Answer> => {
    const startedMs = performance.now()
    for (;;) {
      const response = await fetch(`${writer.url}/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${await tokenOf(sub)}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      }).catch((error: unknown) => String(error))
      let because = typeof response === 'string' ? response : ''
      if (typeof response !== 'string') {
        because = await response.text()
        const answer: Readonly<Record<string, unknown>> = because === '' ? {} : JSON.parse(because)
        if (answer['retryable'] !== true)
          return { status: response.status, body: answer as unknown as StoredMessage }
      }
      if (performance.now() - startedMs > GIVE_UP_MS) throw new Error(`${method} ${path}: ${because}`)
      await sleep(50)
    }
  }
  const post = async (from: string, message: object): Promise<StoredMessage> => {
    const { status, body } = await write(from, 'POST', 'messages', message)
    if (status > 201) throw new Error(`${status} ${JSON.stringify(body)}`)
    return body
  }
  return {
    db,
    writer,
    reader,
    deliveries,
    tokenOf,
    write,
    post,
    /** Sends a message. Resolves with it as it is stored. */
    send: (from: string, to: Recipients, text: unknown = 'hello') =>
      post(from, { to, body: { text }, clientId: randomUUID() }),
    /** The answer of the reader at this position or later. */
    read: async (sub: string, path: string, atLeast = ''): Promise<unknown> => {
      const headers = {
        authorization: `Bearer ${await tokenOf(sub)}`,
        ...(atLeast !== '' && { 'freshet-at-least': atLeast }),
      }
      const response = await fetch(`${reader.url}/v1/${path}`, { headers })
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
      return await response.json()
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([writer, reader, ...deliveries].map((one) => one[Symbol.asyncDispose]()))
      await db[Symbol.asyncDispose]()
    },
  }
}

export type System = Awaited<ReturnType<typeof openSystem>>
