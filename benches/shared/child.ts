import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Of the kernel: `getconf CLK_TCK`. */
const TICKS_PER_SECOND = 100

/** CPU time of a process with all its threads so far, in seconds, in steps of 10 ms. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // Fields 14 and 15; the second one is a name in parentheses.
  const [user = '', system = ''] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / TICKS_PER_SECOND
}

/** A server in a child process. */
export class ServerChild implements AsyncDisposable {
  readonly name: string
  readonly #process: ChildProcess
  readonly #ended = new AbortController()

  constructor(name: string, file: string, args: readonly string[]) {
    this.name = name
    this.#process = fork(join(import.meta.dirname, file), args, {
      execArgv: [...process.execArgv, '--expose-gc'],
    })
    this.#process.once('exit', () => this.#ended.abort())
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Sends a request to the process and resolves with its answer. */
  async ask(question: object): Promise<unknown> {
    const answered = once(this.#process, 'message', { signal: this.#ended.signal })
    this.#process.send(question)
    const [answer] = await answered
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.#process.kill()
    await once(this.#process, 'exit')
  }
}
