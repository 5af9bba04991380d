import { expect, test } from '@jest/globals'
import { CutProxy, eventually, openTestDatabase } from '@freshet/testkit'
import { startReader } from './support/real-reader.ts'

test('of two concurrent misses of one key, one causes a read, and the other is marked as collapsed', async () => {
  await using db = await openTestDatabase()
  await using proxy = await CutProxy.open(db.port)
  await using reader = await startReader(proxy.uriThrough(db.uriFor('reader')), ['--fill-within=60s'])
  const ask = (path: string): Promise<Response> => fetch(`${reader.url}/v1/products/${path}`)
  const counted = async (): Promise<unknown> => (await fetch(`${reader.managementUrl}/statusz`)).json()
  await eventually(async () => expect((await ask('first')).status).toBe(404))
  expect(await counted()).toMatchObject({ misses: 1, fills: 1 })
  // The database reports what is running until both are waiting. A document that exists might be known from the feed.
  proxy.blackHole('replies')
  const both = [ask('none'), ask('none')]
  await eventually(async () => expect(await counted()).toMatchObject({ misses: 3, fills: 2 }))
  proxy.resume()
  const answers = await Promise.all(both)
  answers.push(await ask('none'))
  // Without a writer nothing proves that a majority is alive.
  const told = answers.map(({ headers }) => `${headers.get('cache-status')}`.replace('; detail=unproved', ''))
  expect(told.toSorted()).toEqual([
    'freshet; fwd=miss; collapsed; stored',
    'freshet; fwd=miss; stored',
    'freshet; hit',
  ])
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404])
  expect(await counted()).toMatchObject({ misses: 3, fills: 2 })
})
