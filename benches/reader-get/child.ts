import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A server in a child process, and its CPU time. */
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
