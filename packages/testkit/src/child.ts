import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '../../..')

/** A built service in a child process. */
export interface Child extends AsyncDisposable {
  readonly url: string
  readonly managementUrl: string
  /** `null` while it is running. */
  readonly exitCode: number | null
  /** Peak resident memory. Linux only. */
  peakBytes(): Promise<number>
  /** A metric of one part of its memory budget. */
  figure(name: string, part: string): Promise<number>
}

/** Options of a child. */
export interface ChildOptions {
  readonly app: 'reader' | 'writer'
  readonly uri: string
  /** The shared secret for tokens. */
  readonly secret: string
  readonly heapMiB: number
  readonly argv: readonly string[]
}

/** Starts a service as documented for operators, and waits until its ports are open. */
export async function openChild({ app, uri, secret, heapMiB, argv }: ChildOptions): Promise<Child> {
  const main = join(root, 'apps', app, 'dist/main.js')
  const collections = `--collections=${join(root, 'collections')}`
  const own = ['--port=0', '--management-port=0', '--database=shop', collections]
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMiB}`, main, ...own, ...argv], {
    env: { PATH: process.env['PATH'], FRESHET_TOKEN_SECRET: secret, FRESHET_MONGODB_URI: uri },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const { url, managementUrl } = await listening(createInterface({ input: child.stdout }))
  child.stdout.resume()
  return {
    url,
    managementUrl,
    get exitCode() {
      return child.exitCode
    },
    peakBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
    },
    figure: async (name, part) => {
      const text = await (await fetch(`${managementUrl}/metrics`)).text()
      return Number(new RegExp(`^freshet_${name}\\{part="${part}"\\} (\\d+)$`, 'm').exec(text)?.[1])
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function listening(
  lines: AsyncIterable<string>,
): Promise<{ readonly url: string; readonly managementUrl: string }> {
  for await (const line of lines) {
    const { msg, url, managementUrl } = JSON.parse(line)
    if (msg === 'listening') return { url, managementUrl }
  }
  throw new Error('the service ended before its ports were open')
}
