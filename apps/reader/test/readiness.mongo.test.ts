import { expect, test } from '@jest/globals'
import type { RunningService } from '@freshet/service'
import { CutProxy, eventually, openTestDatabase } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'

async function readiness({ managementUrl }: RunningService): Promise<string> {
  const response = await fetch(`${managementUrl}/readyz`)
  return `${response.status} ${await response.text()}`
}

async function lamp({ url }: RunningService): Promise<readonly [number, string, number]> {
  const response = await fetch(`${url}/v1/products/lamp`)
  return [response.status, await response.text(), Number(response.headers.get('age'))]
}

test('when disconnected, a reader with a staleness limit is not ready until it is current again, one without stays ready, and both answer', async () => {
  await using db = await openTestDatabase()
  await db.admin
    .db('shop')
    .collection<{ _id: string; name: string }>('products')
    .insertOne({ _id: 'lamp', name: 'Lamp' })
  await using proxy = await CutProxy.open(db.port)
  const uri = proxy.uriThrough(db.uriFor('reader'))
  await using strict = await startReader(uri, ['--unready-after=500ms'])
  await using patient = await startReader(uri, [])
  const both = [strict, patient]
  for (const reader of both) {
    await eventually(async () => expect(await readiness(reader)).toMatch(/^200/))
    await eventually(async () => expect(await lamp(reader)).toEqual([200, '{"id":"lamp","name":"Lamp"}', 0]))
  }
  proxy.cut()
  await eventually(async () => expect(await readiness(strict)).toMatch(/^503 .*stale: not proved current/))
  expect(await readiness(patient)).toMatch(/^200/)
  for (const reader of both)
    await eventually(async () => {
      const [status, text, age] = await lamp(reader)
      expect([status, text, age > 0]).toEqual([200, '{"id":"lamp","name":"Lamp"}', true])
    })
  proxy.resume()
  await eventually(async () => expect(await readiness(strict)).toMatch(/^200/))
  expect(await readiness(patient)).toMatch(/^200/)
  await eventually(async () => expect((await lamp(strict))[2]).toBe(0))
})
