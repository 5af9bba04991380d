/** Starts a replica set, prints its connection string, and stops it when standard input ends. */
import { startServers } from '../src/start-servers.ts'

const set = await startServers()
process.stdin.resume().once('end', () => void set.close().then(() => process.exit()))
process.stdout.write(`${set.rootUri()}\n`)
