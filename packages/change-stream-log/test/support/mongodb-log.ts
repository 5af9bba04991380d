import { expect } from '@jest/globals'
import { eventually } from '@freshet/testkit'
import { MemoryTopic } from './memory-topic.ts'
import { MongoDbWriter, type MongoDbWrite } from './mongodb-writer.ts'
import { FollowedTable } from './table.ts'

export const set = (id: string, value: unknown): MongoDbWrite => ({
  id,
  members: `"value": ${JSON.stringify(value)}`,
})
export const both = (value: number): readonly MongoDbWrite[] => [set('a', value), set('b', value)]

export function opened(): { readonly topic: MemoryTopic; readonly writer: MongoDbWriter } {
  const topic = new MemoryTopic()
  return { topic, writer: new MongoDbWriter(topic) }
}

/** A log with `a` and `b` of value 0, and its follower, which shows them. */
export async function following(): Promise<ReturnType<typeof opened> & { readonly live: FollowedTable }> {
  const log = opened()
  log.topic.append(...log.writer.snapshot(), ...log.writer.changes(...both(0)))
  log.writer.beats(2)
  const live = new FollowedTable(log.topic)
  await live.reached()
  return { ...log, live }
}

/** Resolves when a follower has read the log several times to its end. */
export async function readAgain({ batches }: FollowedTable): Promise<void> {
  const { length } = batches
  await eventually(() => expect(batches.length).toBeGreaterThan(length + 3))
}

/** Expects the same of a follower that reads the log from its beginning. */
export async function alsoAgain(
  topic: MemoryTopic,
  check: (table: FollowedTable) => Promise<void>,
): Promise<void> {
  await using again = new FollowedTable(topic)
  await check(again)
}

export const content = (expected: unknown) => async (table: FollowedTable) => {
  await table.reached()
  expect(table.content()).toEqual(expected)
  expect(table.errors).toEqual([])
}
