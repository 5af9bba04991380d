import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMongod } from '@freshet/mongod'
import { MongoClient } from 'mongodb'
import { eventually } from './eventually.ts'
import { silentLog } from './log.ts'

/** What answers on a port that a member of a set has left. */
export type InPlace =
  /** A server that is in no set. */
  | { readonly kind: 'alone' }
  /** The one member of another set. */
  | { readonly kind: 'set'; readonly name: string }
  /** The same data and the same set, but nobody is asked who he is. */
  | { readonly kind: 'open'; readonly name: string; readonly dbPath: string }

/** Starts a server without access control on `port`, which must be free; settles when it answers as what it is. */
export async function serverInPlace(port: number, what: InPlace): Promise<AsyncDisposable> {
  const { binary } = await findMongod({ env: process.env, log: silentLog })
  const folder = await mkdtemp(join(tmpdir(), 'freshet-in-place-'))
  const options = {
    dbpath: what.kind === 'open' ? what.dbPath : folder,
    port: String(port),
    bind_ip: '127.0.0.1',
    wiredTigerCacheSizeGB: '0.25',
    ...(what.kind === 'alone' ? {} : { replSet: what.name }),
  }
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const mongod = spawn(binary, [...flags, '--nounixsocket'], { stdio: 'ignore' })
  const exited = once(mongod, 'exit')
  const end = async (): Promise<void> => {
    mongod.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await ready(port, what)
  } catch (error) {
    await end()
    throw error
  }
  return { [Symbol.asyncDispose]: end }
}

async function ready(port: number, what: InPlace): Promise<void> {
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`
  await using client = new MongoClient(uri)
  const admin = client.db('admin')
  await admin.command({ ping: 1 })
  if (what.kind === 'set') {
    const members = [{ _id: 0, host: `127.0.0.1:${port}` }]
    await admin.command({ replSetInitiate: { _id: what.name, members } })
  }
  if (what.kind === 'alone') return
  await eventually(async () => {
    const { isWritablePrimary } = await admin.command({ hello: 1 })
    if (isWritablePrimary !== true) throw new Error('expected a primary')
  })
}
