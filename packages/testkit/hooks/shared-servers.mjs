/**
 * One MongoDB for each Jest worker, for all test files that only need an empty database: a start takes more than a second of
 * CPU time. It is started when a file asks for it at `JEST_SHARED_SERVERS` with the number of its worker, because workers
 * are replaced during a run. A server ends with its standard input, thus also when Jest is killed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url))
const holder = [
  '--conditions=@freshet/source',
  `--import=${fileOf('from-source.mjs')}`,
  fileOf('hold-servers.mjs'),
]

const running = new Set()
const uris = new Map()

/** Resolves with the connection string of the root user. */
function start() {
  // In its own process group, so that it does not receive Ctrl-C and can shut down in order.
  const child = spawn(process.execPath, holder, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const ended = once(child, 'exit')
  running.add({ child, ended })
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    ended.then(([code]) => reject(new Error(`the server ended with ${code}`)), reject)
  })
}

const http = createServer((request, response) => {
  const worker = request.url ?? ''
  const uri = uris.get(worker) ?? start()
  uris.set(worker, uri)
  uri.then(
    (text) => response.end(text),
    (error) => response.writeHead(500).end(String(error)),
  )
})

/** For `globalSetup`. */
export async function offer() {
  http.listen(0, '127.0.0.1').unref()
  await once(http, 'listening')
  process.env.JEST_SHARED_SERVERS = `http://127.0.0.1:${http.address().port}`
}

/** For `globalTeardown`. */
export async function close() {
  http.close().closeAllConnections()
  for (const { child } of running) child.stdin.end()
  await Promise.all([...running].map(({ ended }) => ended))
}
