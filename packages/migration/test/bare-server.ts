import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'

/**
 * A mongod without access control, and without a replica set unless `set` names one. With `knownAs`, the replica set
 * uses a host name that only the server itself can resolve, as in a container.
 */
export async function openBareServer(binary: string, setName?: string, knownAs?: string) {
  const dbPath = await mkdtemp(join(tmpdir(), 'freshet-bare-'))
  const port = await freePort()
  const where = ['--dbpath', dbPath, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket']
  const ofSet = setName === undefined ? [] : ['--replSet', setName]
  const own = [binary, ...where, ...ofSet, '--wiredTigerCacheSizeGB', '0.25']
  const [command = binary, ...words] =
    knownAs === undefined ? own : [...(await within(dbPath, knownAs)), ...own]
  const server = spawn(command, words, { stdio: 'ignore' })
  const gone = once(server, 'exit')
  const host = `127.0.0.1:${port}`
  const admin = new MongoClient(`mongodb://${host}/?directConnection=true`)
  await admin.db('admin').command({ hello: 1 })
  if (setName !== undefined)
    await admin.db('admin').command({
      replSetInitiate: {
        _id: setName,
        members: [{ _id: 0, host: knownAs === undefined ? host : `${knownAs}:${port}` }],
      },
    })
  return {
    host,
    admin,
    [Symbol.asyncDispose]: async () => {
      await admin.close()
      server.kill('SIGKILL')
      await gone
      await rm(dbPath, { recursive: true, force: true })
    },
  }
}

/** A mount namespace with an extra name in its hosts file. Requires root. */
async function within(folder: string, name: string): Promise<readonly string[]> {
  const hosts = join(folder, 'hosts')
  await writeFile(hosts, `127.0.0.1 localhost ${name}\n`)
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
