import { MongoClient } from 'mongodb'
import { eventually } from './eventually.ts'
import { failPoint } from './fail-point.ts'
import type { TestDatabase } from './test-database.ts'

/** Keeps writes on the primary of a database with `nodes: 3` until disposed: no majority has them. The primary stays primary. */
export async function holdReplication(db: TestDatabase): Promise<AsyncDisposable> {
  const { me } = await db.admin.db('admin').command({ hello: 1 })
  const held: AsyncDisposable[] = []
  for (const { port } of db.servers.members) {
    if (String(me).endsWith(`:${port}`)) continue
    // A majority may lack this server: it only knows its users once it has replicated them.
    held.push(await eventually(() => holdMember(db.adminUri, port)))
  }
  return {
    [Symbol.asyncDispose]: async () => {
      for (const one of held) await one[Symbol.asyncDispose]()
    },
  }
}

/** Stops what one server receives until disposed. */
async function holdMember(adminUri: string, port: number): Promise<AsyncDisposable> {
  const { username, password } = new URL(adminUri.replace(/,[^/]+/, ''))
  const uri = `mongodb://${username}:${password}@127.0.0.1:${port}/?directConnection=true&authSource=admin`
  const client = new MongoClient(uri)
  try {
    const point = await failPoint(client, 'stopReplProducer', 'alwaysOn', {})
    const release = async (): Promise<void> => {
      await point[Symbol.asyncDispose]()
      await client.close()
    }
    return { [Symbol.asyncDispose]: release }
  } catch (error) {
    await client.close()
    throw error
  }
}
