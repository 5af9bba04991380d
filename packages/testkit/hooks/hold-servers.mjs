/** Starts a replica set, prints its connection string, and stops it when standard input ends. */
import { startServers } from '../src/start-servers.ts'

// Large enough for transactions of some megabytes beside what earlier files have left.
const set = await startServers({ cacheSizeGb: 1 })
process.stdin.resume().once('end', () => void set.close().then(() => process.exit()))
process.stdout.write(`${set.rootUri()}\n`)
