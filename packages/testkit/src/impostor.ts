import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findMongod } from '@freshet/mongod'
import { MongoClient } from 'mongodb'
import { eventually } from './eventually.ts'
import { standardErrorLog } from './log.ts'

/**
 * The server that answers instead of the right one: a standalone, a member of another replica set, or a member of the same
 * replica set with the same data but without access control.
 */
export type ImpostorKind =
  'standalone' | 'another set' | { readonly openSet: string; readonly dbPath: string }

/**
 * Starts a server without access control on `port`, as when a machine is misconfigured or a host name points elsewhere. It is
 * empty unless `dbPath` is set. Resolves when the server is ready; disposing stops it and frees the port.
 */
export async function startImpostor(port: number, kind: ImpostorKind): Promise<AsyncDisposable> {
  const { binary } = await findMongod({ env: process.env, log: standardErrorLog })
  const folder = await mkdtemp(join(tmpdir(), 'freshet-impostor-'))
  const dbPath = typeof kind === 'object' ? kind.dbPath : folder
  const set = typeof kind === 'object' ? kind.openSet : 'another'
  const own = kind === 'standalone' ? [] : ['--replSet', set]
  const child = spawn(
    binary,
    ['--port', String(port), '--dbpath', dbPath, '--bind_ip', '127.0.0.1', '--nounixsocket', ...own],
    { stdio: 'ignore' },
  )
  const gone = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true })
  }
  try {
    await using client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`)
    const admin = client.db('admin')
    await eventually(() => admin.command({ ping: 1 }))
    if (kind === 'another set') {
      const members = [{ _id: 0, host: `127.0.0.1:${port}` }]
      await admin.command({ replSetInitiate: { _id: set, members } })
    }
    if (kind !== 'standalone')
      await eventually(async () => {
        const { isWritablePrimary } = await admin.command({ hello: 1 })
        if (isWritablePrimary !== true) throw new Error('no primary yet')
      })
  } catch (error) {
    await end()
    throw error
  }
  return { [Symbol.asyncDispose]: end }
}
