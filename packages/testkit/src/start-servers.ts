import { randomBytes } from 'node:crypto'
import { findMongod, startReplicaSet } from '@freshet/mongod'
import type { ReplicaSet, ReplicaSetOptions } from '@freshet/mongod'
import { standardErrorLog } from './log.ts'
import { writtenByReaders } from './readers-write.ts'

/** Options of the servers behind a test database. */
export type ServerOptions = Partial<
  Pick<
    ReplicaSetOptions,
    'nodes' | 'port' | 'oplogSizeMb' | 'checkpointSeconds' | 'cacheSizeGb' | 'setParameters'
  >
>

/** Starts a replica set with fail points and a record of what readers write. */
export async function startServers({ setParameters, ...others }: ServerOptions = {}): Promise<ReplicaSet> {
  return startReplicaSet({
    mongod: await findMongod({ env: process.env, log: standardErrorLog }),
    root: { user: 'root', password: randomBytes(12).toString('base64url') },
    ...others,
    profiled: writtenByReaders,
    // Fail points require test commands. Passwords of tests need no strength, so they are hashed as fast as a server allows.
    setParameters: {
      enableTestCommands: 1,
      scramIterationCount: 5_000,
      scramSHA256IterationCount: 5_000,
      ...setParameters,
    },
  })
}
