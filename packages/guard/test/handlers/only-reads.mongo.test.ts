import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { expect, test } from '@jest/globals'
import { loopFault, parseLineage } from '@freshet/protocol'
import { MongoClient } from 'mongodb'
import { onlyReads } from '../../src/handlers/change-handlers.ts'
import { watchWrites } from '../../src/handlers/watch-writes.ts'
import { TestServer } from '../test-server.ts'
import { change, never, serviceOf } from './support.ts'

test('G6.5 in a process that only reads every request is one that no writer takes, and every watched write is refused', async () => {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const call = async (): Promise<unknown> =>
    await (await fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`)).text()
  await call()
  using _ = onlyReads('reader')
  await call()
  server.closeAllConnections()
  server.close()
  expect(seen[0]?.['freshet-cause']).toBeUndefined()
  const lineage = parseLineage(String(seen[1]?.['freshet-cause']))
  expect(lineage).toEqual([{ handler: 'reader/process', heard: '*', writes: [] }])
  expect(loopFault(lineage ?? [], 'orders', 16)).toBe('undeclared')

  await using database = await TestServer.open({ accessControl: true })
  await using client = watchWrites(new MongoClient(database.uri('root')))
  const orders = client.db('app').collection('orders')
  await expect(orders.insertOne({})).rejects.toMatchObject({ code: 'UNDECLARED_WRITE' })
  expect(await orders.countDocuments()).toBe(0)
  // A handler of its own would be judged by what it declared.
  const { handlers } = serviceOf()
  const allowWrites = [{ collection: 'orders', reason: 'a test' }]
  const handle = async (): Promise<void> => void (await orders.insertOne({}))
  await handlers.add({ name: 'h', collections: ['c'], allowWrites, handle }).hear(change('c/1'), never)
  expect(await orders.countDocuments()).toBe(1)
})
