import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { eventually, openTestDatabase } from '@freshet/testkit'
import { Follower } from '@freshet/change-stream'
import type { MongoSourceOptions } from '../src/index.ts'
import { openSource } from './support/open-source.ts'
import { Recorder } from '@freshet/change-stream/conformance'
import { valueIn } from './support/value-in.ts'

/** Each opening takes the server longer than the first wait, as after many unrelated changes. */
async function hearSlowServer(
  options: Partial<MongoSourceOptions>,
  until: (heard: Recorder) => void,
): Promise<Recorder> {
  await using db = await openTestDatabase()
  const data = { failCommands: ['aggregate'], appName: 'test', blockConnection: true, blockTimeMS: 500 }
  await db.failPoint('failCommand', 'alwaysOn', data)
  await using opened = await openSource(db, { options: { replyWithinMs: 200, ...options } })
  const heard = new Recorder(valueIn)
  const { source } = opened
  await using follower = new Follower({
    source,
    sink: heard,
    clock: systemClock,
    random: () => 0,
    pace: { firstMs: 1, maxMs: 1, spreadMs: 1 },
  })
  follower.start()
  await eventually(() => until(heard))
  return heard
}

test('F21 the wait for a slow server grows with each attempt, until it replies', async () => {
  const { errors, origins } = await hearSlowServer({ longestReplyMs: 60_000 }, (heard) =>
    expect(heard.batches.length).toBeGreaterThan(2),
  )
  expect(new Set(errors)).toEqual(new Set(['DISCONNECTED']))
  expect(origins).toHaveLength(1)
})

test('F21 a server that does not reply within the longest wait is too far behind: a new epoch', async () => {
  const { errors, batches } = await hearSlowServer({ longestReplyMs: 300 }, (heard) =>
    expect(heard.origins.length).toBeGreaterThan(1),
  )
  expect(errors).toContain('TOO_FAR_BEHIND')
  expect(batches).toEqual([])
})
