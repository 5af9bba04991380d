import { readFileSync } from 'node:fs'
import { systemClock } from '@freshet/kit'
import { runProgram } from './program.ts'

/** One Ctrl-C may arrive twice: from the terminal and from the parent process. */
const sameSignalMs = 1_000
const stop = new AbortController()
let firstMs: number | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    firstMs ??= performance.now()
    stop.abort()
    // A second Ctrl-C. The children stop when this process ends.
    if (performance.now() - firstMs > sameSignalMs) process.exit(130)
  })
}

// A parent with an IPC channel wants this process to end with it, even if it is killed.
process.once('disconnect', () => stop.abort())
process.channel?.unref()

// Whoever read the output has seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  stop.abort()
})

const exitCode = await runProgram(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  readFile: (path) => readFileSync(path, 'utf8'),
  print: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
  say: (text) => void process.stderr.write(text.endsWith('\n') ? text : `${text}\n`),
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  stopped: stop.signal,
})

process.exitCode = exitCode
// Everything has been stopped. A pending download must not keep the process alive.
if (stop.signal.aborted) process.exit()
