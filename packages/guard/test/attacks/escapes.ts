import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { MongoClient } from 'mongodb'
import { attack } from './attack.ts'
import type { Attack, Target } from './attack.ts'
import { RawSocket, serverError } from './raw-socket.ts'

const row = { _id: 9, a: 9 }
const unseen = { unseen: 'it begins without the door; what it needs is refused by its import' }

const insertWith = async (client: MongoClient): Promise<unknown> => {
  await using closing = client
  return await closing.db('app').collection<{ _id: number }>('docs').insertOne(row)
}

/** Ways to the server that bypass the guard's client. Only the import rules and the role stop these. */
export const escapes: readonly Attack[] = [
  attack('a second client of the same module', ({ uri }) => insertWith(new MongoClient(uri)), {
    source: 'new guard.MongoClient("mongodb://127.0.0.1")',
    besideVeto: 'another client',
  }),
  attack(
    "a client of the client's own class",
    ({ client, uri }) => {
      const made: unknown = Reflect.construct(client.constructor, [uri])
      if (!(made instanceof MongoClient)) throw new Error('not a client')
      return insertWith(made)
    },
    { source: unseen, besideVeto: 'another client' },
  ),
  attack('a client in a worker', ({ uri }) => inWorker(uri), {
    source: unseen,
    needs: ["import 'node:worker_threads'"],
    besideVeto: 'another thread',
  }),
  attack('bytes by hand over a socket', ({ uri }) => overSocket(uri), {
    source: unseen,
    needs: ["import 'node:net'"],
    besideVeto: 'no client at all',
  }),
  attack('fetch to the writer', ({ writer, fetch }) => post(fetch, `${writer}/v1/docs`), {
    source: { unseen: 'the world has it; what it needs is refused by its name' },
    needs: ["fetch('http://writer')"],
    besideVeto: 'no message to a database',
    byRole: 'not asked',
  }),
]

async function inWorker(uri: string): Promise<void> {
  const code = `
    const { workerData, parentPort } = require('node:worker_threads')
    const { MongoClient } = require(workerData.driver)
    const client = new MongoClient(workerData.uri)
    client.db('app').collection('docs').insertOne({ _id: 9 })
      .then(() => undefined, ({ code }) => code)
      .then(async (code) => { await client.close(); parentPort.postMessage({ code }) })`
  const driver = createRequire(import.meta.url).resolve('mongodb')
  const worker = new Worker(code, { eval: true, workerData: { uri, driver } })
  const [{ code: refused }] = await once(worker, 'message')
  await worker.terminate()
  if (refused !== undefined) throw serverError(refused)
}

/** Stopped by the list of names (G2) and the network (G5). */
async function post(fetch: Target['fetch'], url: string): Promise<void> {
  const { status } = await fetch(url, { method: 'POST', body: JSON.stringify(row) })
  if (status !== 201) throw new Error(`the writer answered ${status}`)
}

/** As the user in the address: code in the process has its credentials. */
async function overSocket(uri: string): Promise<void> {
  using socket = await RawSocket.open(uri)
  await socket.send({ insert: 'docs', documents: [row], $db: 'app' })
}
