import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { collections, openWriter, type OpenWriter } from './support/open-writer.ts'

let db: TestDatabase
let writer: OpenWriter

beforeAll(async () => {
  db = await openTestDatabase({ collections })
  writer = await openWriter(db.uriFor('writer'))
})
afterAll(async () => {
  await writer[Symbol.asyncDispose]()
  await db[Symbol.asyncDispose]()
})

const status = async (): Promise<unknown> => (await fetch(`${writer.service.managementUrl}/statusz`)).json()

test('a client that disconnects in the middle of its body is not reported as a problem', async () => {
  const { port, hostname } = new URL(writer.service.url)
  for (let n = 0; n < 5; n += 1) {
    const socket = connect(Number(port), hostname)
    socket.write(
      'POST /v1/products HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
    await eventually(async () => expect(await status()).toMatchObject({ connections: 1 }))
    socket.destroy()
    await eventually(async () => expect(await status()).toMatchObject({ connections: 0 }))
  }
  expect((await writer.send('POST', 'nothing', { body: {} })).status).toBe(404)
  expect(await status()).toMatchObject({ problems: { 'unknown-collection': 1 } })
  expect(await status()).not.toHaveProperty('problems.internal')
})
