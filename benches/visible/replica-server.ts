/** A reader's replica, and the time at which it reached each position. */
import { mongodbCodec } from '@freshet/documents-mongodb'
import { documentEncoder, type CachedDocument } from '@freshet/reader'
import { openReplica, type Replica } from '@freshet/embed'
import { collection, database, sharedNow, type Question, type Sighting } from './world.ts'

const stopping = new AbortController()
let sightings: Sighting[] = []
let replica: Replica<CachedDocument> | undefined

async function follow(uri: string): Promise<void> {
  replica = await openReplica({
    uri,
    database,
    collections: { [collection]: 'string' },
    encoder: documentEncoder(mongodbCodec.encode),
  })
  process.send?.({})
  for await (const { at } of replica.changes({ signal: stopping.signal })) sightings.push([at, sharedNow()])
}

async function stop(): Promise<void> {
  stopping.abort()
  await replica?.close()
  process.send?.(sightings)
  sightings = []
}

process.on('message', ({ follow: asked }: Question) => void (asked ? follow(asked.uri) : stop()))
