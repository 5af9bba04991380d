import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import type { MongoClientOptions } from 'mongodb'
import { Connection } from 'mongodb/lib/cmap/connection.js'
import type { WireMessage, WriteOptions } from 'mongodb/lib/cmap/connection.js'
import { removals } from './attacks/removals.ts'
import { AttackBench } from './bench.ts'
import { vetoing } from './support.ts'

let bench: AttackBench
beforeAll(async () => {
  bench = await AttackBench.open()
})
afterAll(() => bench[Symbol.asyncDispose]())

test.each(Object.entries(removals))('G3.9 the veto remains after: %s', async (_, remove) => {
  const untouched = await bench.fingerprint()
  await using client = vetoing(bench.uri('root')).client
  await client.db('app').command({ ping: 1 })
  const outcome = await bench.writesSeen(client, async ({ docs }) => {
    await remove(client)
    await docs.insertOne({ a: 9 })
  })
  expect(outcome).toEqual({ error: expect.objectContaining({ code: 'WRITE_REFUSED' }), writes: [] })
  expect(await bench.fingerprint()).toBe(untouched)
})

test.each(Object.entries(removals))(
  'G3.9 negative control: a veto that is a mere method override is removed by: %s',
  async (_, remove) => {
    class Removable extends Connection {
      override async writeCommand(message: WireMessage, options: WriteOptions): Promise<void> {
        if (message.command && 'insert' in message.command) throw new Error('refused')
        return super.writeCommand(message, options)
      }
    }
    const options: MongoClientOptions & { readonly connectionType: unknown } = {
      connectionType: Removable,
      maxPoolSize: 1,
      retryWrites: false,
    }
    // As the reader: what gets through is on the wire but changes nothing.
    await using client = new MongoClient(bench.uri('reader'), options)
    await client.db('app').command({ ping: 1 })
    const { writes } = await bench.writesSeen(client, async ({ docs }) => {
      await remove(client)
      await docs.insertOne({ a: 9 })
    })
    expect(writes).toEqual(['insert'])
  },
)
