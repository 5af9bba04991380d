import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll } from '@jest/globals'
import type { ChangeHandler, HandlerStatus } from '../src/contract.ts'
import { change, never, serviceOf } from './support.ts'

/** What the servers received since the last {@link inHandler}: `<server> <method> <path> [<hops>|<cause>]`. */
export const seen: string[] = []

/** A fake writer: records each request and responds with the status given in the path. */
export const server = listening('writer')
export const stranger = listening('stranger')

export const originOf = (server: Server): string => {
  const address = server.address()
  return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
}

function listening(name: string): Server {
  return createServer(({ method, headers, url = '' }, response) => {
    const { 'freshet-hops': hops = '', 'freshet-cause': cause = '' } = headers
    seen.push(`${name} ${method} ${url} [${String(hops)}|${String(cause)}]`)
    const status = /\d+/.exec(url)?.[0] ?? '200'
    if (status === '307') response.setHeader('location', `${originOf(stranger)}/200`)
    response.writeHead(Number(status)).end()
  })
}

beforeAll(async () => {
  for (const each of [server, stranger]) await once(each.listen(0, '127.0.0.1'), 'listening')
})
afterAll(async () => {
  for (const each of [server, stranger]) {
    each.closeAllConnections()
    each.close()
    await once(each, 'close')
  }
})

/** Runs a handler for each of these changes. Returns what the servers received and how the handler ended. */
export async function inHandler(
  handle: ChangeHandler['handle'],
  changes: readonly string[] = ['c/1'],
): Promise<{ seen: readonly string[]; status: HandlerStatus | undefined; errors: readonly unknown[] }> {
  seen.length = 0
  const { handlers, log } = serviceOf({ writers: [originOf(server)] })
  const handler = {
    name: 'h',
    collections: ['c'],
    allowWrites: [{ collection: 'd', reason: 'a test' }],
    handle,
  }
  const runs = handlers.add(handler)
  for (const key of changes) await runs.hear(change(key), never)
  const [status] = handlers.status()
  handlers.remove(handler)
  return { seen: [...seen], status, errors: log.lines.map(({ fields }) => Reflect.get(fields, 'err')) }
}

export const told = '[1|s/h;heard="c/1";writes="d"]'
