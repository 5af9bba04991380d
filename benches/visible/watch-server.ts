/** A typical hand-written follower: `watch` into a Map, with the time at which each document arrived. */
import { MongoClient, type ChangeStream } from 'mongodb'
import { setTimeout as sleep } from 'node:timers/promises'
import { collection, database, sharedNow, type Question, type Sighting } from './world.ts'

interface Marked {
  readonly _id: string
  readonly mark: string
}

const documents = new Map<string, Marked>()
let sightings: Sighting[] = []
let client: MongoClient | undefined
let stream: ChangeStream<Marked> | undefined

async function follow(uri: string): Promise<void> {
  client = await MongoClient.connect(uri)
  stream = client.db(database).collection<Marked>(collection).watch([])
  stream.on('change', (event) => {
    if (event.operationType !== 'insert' && event.operationType !== 'replace') return
    documents.set(event.documentKey._id, event.fullDocument)
    sightings.push([event.fullDocument.mark, sharedNow()])
  })
  stream.on('error', (error) => {
    throw error
  })
  // `watch` does not report when it has started, so the load starts with writes that are not counted.
  await sleep(500)
  process.send?.({})
}

async function stop(): Promise<void> {
  await stream?.close()
  await client?.close()
  process.send?.(sightings)
  sightings = []
}

process.on('message', ({ follow: asked }: Question) => void (asked ? follow(asked.uri) : stop()))
