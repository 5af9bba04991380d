import { peekOption, type Environment, type Option } from '@freshet/kit'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/** How large a heap a service needs, from the values of some of its options. */
export interface HeapRule {
  readonly options: readonly Option<number>[]
  /** @param values in the order of `options`, in bytes. */
  readonly heapBytes: (values: readonly number[]) => number
}

/** The parts of `process` that {@link startWithHeap} uses. */
export interface StartingProcess {
  readonly argv: readonly string[]
  readonly execArgv: readonly string[]
  readonly execPath: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Node.js 22.15 and later: https://nodejs.org/api/process.html#processexecvefile-args-env */
  readonly execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => void
  readonly connected?: boolean
  readonly channel?: { unref(): void } | null | undefined
  on(event: string, listener: (...args: readonly unknown[]) => void): unknown
  exit(code: number): void
}

const MiB = 2 ** 20

/** Objects that just came into being. Node.js 24 takes more by default, which added 120 MiB to a cache of 64 MiB. */
const semiSpaceMiB = 16

/** Options of Node.js that limit the heap. None if an option is invalid, which the service itself reports. */
export function heapFlagsOf({ options, heapBytes }: HeapRule, environment: Environment): readonly string[] {
  const values = options.map((option) => peekOption(option, environment))
  const known = values.filter((value) => value !== undefined)
  if (known.length < values.length) return []
  const heapMiB = Math.ceil(heapBytes(known) / MiB)
  return [`--max-old-space-size=${heapMiB}`, `--max-semi-space-size=${semiSpaceMiB}`]
}

/** A limit that was set by hand. */
const limit = /--max[-_](?:old[-_]space[-_]size|heap[-_]size)/

/**
 * Runs a service with a heap limit that follows from its options. Without one, Node.js collects garbage late, and a cache takes
 * several times its budget. The limit can only be set when Node.js starts, so this starts it again: in place where Node.js can
 * (the process keeps its id), or else in a child process that ends with this one. A limit in the command line or in
 * NODE_OPTIONS is left alone.
 */
export async function startWithHeap(
  rule: HeapRule,
  host: StartingProcess,
  run: () => Promise<void>,
): Promise<void> {
  const { argv, execArgv, execPath, env, execve } = host
  const words = argv.slice(2)
  const isSet = [...execArgv, env['NODE_OPTIONS'] ?? ''].some((word) => limit.test(word))
  const flags =
    isSet || words.includes('--help')
      ? []
      : heapFlagsOf(rule, { argv: words, env, readFile: (path) => readFileSync(path, 'utf8') })
  if (flags.length === 0) {
    // The child of the last lines of this function: a parent that was killed cannot stop it.
    if (isSet && host.channel && host.connected) {
      host.channel.unref()
      host.on('disconnect', () => host.exit(128 + constants.signals.SIGKILL))
    }
    return await run()
  }
  const args = [...execArgv, ...flags, ...argv.slice(1)]
  if (execve) return execve.call(host, execPath, [execPath, ...args], { ...env })
  // Its own group, because a terminal signals a whole group, and a second signal ends a service at once.
  const child = spawn(execPath, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: true })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) host.on(signal, () => child.kill(signal))
  child.once('error', () => host.exit(1))
  child.once('exit', (code, signal) => host.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
}
