import { readFileSync } from 'node:fs'
import { systemClock } from '@freshet/kit'
import { runProgram } from './program.ts'

/** Ctrl-C may come twice at once: from the terminal and from the program that started this one. */
const sameSignalMs = 1_000
const stop = new AbortController()
let firstMs: number | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    firstMs ??= performance.now()
    stop.abort()
    // A second Ctrl-C: the children notice our end and follow.
    if (performance.now() - firstMs > sameSignalMs) process.exit(130)
  })
}

// Whoever started this with a channel wants it to end with him, even when he is killed without a word.
process.once('disconnect', () => stop.abort())
process.channel?.unref()

const exitCode = await runProgram(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  readFile: (path) => readFileSync(path, 'utf8'),
  print: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
  say: (text) => void process.stderr.write(text.endsWith('\n') ? text : `${text}\n`),
  stopped: stop.signal,
})

process.exitCode = exitCode
// All that was started is stopped; a download that goes on must not hold the terminal.
if (stop.signal.aborted) process.exit()
