import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { loadCollections } from '@freshet/documents'
import { systemClock } from '@freshet/kit'
import { eventually, silentLog } from '@freshet/testkit'
import { SampleData } from '../src/dev/sample.ts'

const collections = await loadCollections(join(import.meta.dirname, '../../../collections'))

/** Stores documents like the writer does. Records those that violate their schema and deletes of absent documents. */
async function openWriter() {
  let away = false
  const stored = new Set<string>()
  const seen = { PUT: 0, DELETE: 0, faults: [] as string[] }
  const server = createServer((request, response) => {
    void (async () => {
      if (away) return void response.writeHead(503).end()
      const [, , name = '', id = ''] = request.url?.split('/') ?? []
      const body = await text(request)
      if (request.method === 'PUT') {
        seen.PUT += 1
        for (const issue of collections.get(name)?.validate(JSON.parse(body)) ?? [])
          seen.faults.push(`${name}/${id} ${issue.pointer} ${issue.detail}`)
        stored.add(`${name}/${id}`)
      } else {
        seen.DELETE += 1
        if (!stored.delete(`${name}/${id}`)) seen.faults.push(`${name}/${id} was not there`)
      }
      response.writeHead(204).end()
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    away: (now: boolean) => void (away = now),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('the sample data matches its collection files, and the orders that it cancels exist', async () => {
  await using writer = await openWriter()
  const clock = { ...systemClock, sleep: () => Promise.resolve() }
  const sample = new SampleData({ writer: () => writer.url, token: 'any', clock, log: silentLog })
  await sample.start()
  // More turns than there are slots for orders, so that slots are reused.
  await eventually(() => expect(writer.seen.DELETE).toBeGreaterThan(80))
  await sample.stop()
  expect(writer.seen.PUT).toBeGreaterThan(500)
  expect(writer.seen.faults).toEqual([])
})

test('an unavailable writer is reported once, and so is its return', async () => {
  await using writer = await openWriter()
  const said: string[] = []
  const tell = (_fields: object, text: string): void => void said.push(text)
  const log = { ...silentLog, info: tell, warn: tell }
  let waits = 0
  const clock = { ...systemClock, sleep: async () => void (waits += 1) }
  const sample = new SampleData({ writer: () => writer.url, token: 'any', clock, log })
  await sample.start()
  writer.away(true)
  await eventually(() => expect(said).toHaveLength(1))
  const before = waits
  await eventually(() => expect(waits).toBeGreaterThan(before + 5))
  writer.away(false)
  await eventually(() => expect(said).toHaveLength(2))
  await sample.stop()
  expect(said).toEqual(['could not change the sample data, retrying', 'the sample data is changing again'])
})
