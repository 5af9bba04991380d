import { setTimeout as pause } from 'node:timers/promises'
import type { TestDatabase } from '@freshet/testkit'
import { MongoClient } from 'mongodb'
import type { Following } from '../../../src/replica.ts'
import type { ChangeSource, Origin, PastReads } from '../../../src/source-contract.ts'
import type { FeedSide } from '../bench.ts'
import { PlainSource } from './plain-source.ts'

/** A source over the test's database, with the reader's own user. */
export async function openSource(
  db: TestDatabase,
): Promise<AsyncDisposable & { readonly source: ChangeSource; readonly past: PastReads }> {
  const client = await new MongoClient(db.uriFor('reader')).connect()
  const source = new PlainSource(client, db.database)
  return { source, past: source, [Symbol.asyncDispose]: () => client.close() }
}

/** Follows a source: again from where it was after a broken connection, anew after a lost history. */
export function followerOf(source: ChangeSource, feed: FeedSide): Following {
  const stopping = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const follow = async (): Promise<void> => {
    let origin: Origin | undefined
    while (!stopping.signal.aborted) {
      try {
        if (origin === undefined) {
          origin = await source.start(stopping.signal)
          feed.begin(origin)
        }
        for await (const batch of source.read(origin, stopping.signal)) {
          feed.apply(batch)
          origin = { source: origin.source, at: batch.through }
        }
      } catch (error) {
        if (!(error instanceof Error)) throw error
        if (!('code' in error) || error.code !== 'DISCONNECTED') origin = undefined
        feed.broken(error)
        await pause(20)
      }
    }
  }
  return {
    start: () => {
      running = follow()
    },
    stop: () => {
      stopping.abort()
      return running
    },
  }
}
