import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findFreePort } from '@freshet/postgres'
import { appCommand, eventually } from '@freshet/testkit'
import { digestOf, ids } from './judged-table.ts'

const collections = join(import.meta.dirname, '../../../../../collections')
const PAUSE_MS = 20

/** One answer with all rows. */
interface Judged {
  readonly mark: number
  readonly digest: string
  readonly position: string
}

/** A reader in a process of its own, whose answers are recorded all the time. */
export class JudgedReader implements AsyncDisposable {
  readonly #env: Readonly<Record<string, string>>
  readonly #database: string
  readonly #port: number
  readonly #managementPort: number
  #child: ChildProcess | undefined
  readonly #stopping = new AbortController()
  #asking: Promise<void> | undefined
  /** Answers that differ from the previous one, in order. */
  readonly answers: Judged[] = []
  /** All answers with all rows. */
  answered = 0
  /** Answers whose mark or position was before an earlier one of the same history. */
  backwards = 0
  /** 503 and failed connections. */
  refused = 0

  private constructor(
    env: Readonly<Record<string, string>>,
    database: string,
    port: number,
    managementPort: number,
  ) {
    this.#env = env
    this.#database = database
    this.#port = port
    this.#managementPort = managementPort
  }

  /** @param database as the log names it. */
  static open(uri: string, database: string): Promise<JudgedReader> {
    return JudgedReader.#open({ FRESHET_LOG_URI: uri }, database)
  }

  /** A reader that follows MongoDB itself. */
  static openDirect(uri: string, database: string): Promise<JudgedReader> {
    return JudgedReader.#open({ FRESHET_MONGODB_URI: uri }, database)
  }

  static async #open(env: Readonly<Record<string, string>>, database: string): Promise<JudgedReader> {
    const reader = new JudgedReader(env, database, await findFreePort(), await findFreePort())
    reader.start()
    reader.#asking = reader.#ask()
    return reader
  }

  start(): void {
    const own = [
      `--port=${this.#port}`,
      `--management-port=${this.#managementPort}`,
      `--database=${this.#database}`,
    ]
    const args = [...appCommand('reader'), ...own, '--no-tokens', `--collections=${collections}`]
    this.#child = spawn(process.execPath, args, {
      env: { PATH: process.env['PATH'], ...this.#env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** Resolves when an answer shows this state. */
  async reaches(mark: number, digest: string): Promise<void> {
    await eventually(
      async () => {
        const last = this.answers.at(-1)
        if (last?.mark === mark && last.digest === digest) return
        throw new Error(
          `expected ${mark} ${digest}, the reader shows ${JSON.stringify(last)}: ${await this.status()}`,
        )
      },
      { withinMs: 200_000 },
    )
  }

  /** The new epochs of the reader, by reason. */
  async epochs(): Promise<string> {
    const status = await this.status()
    return /"resyncs":(\{[^}]*\})/.exec(status)?.[1] ?? status
  }

  /** The body of a product with its ETag; `undefined` if there is none. */
  async product(id: string): Promise<string | undefined> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/v1/products/${id}`)
    const body = await answer.text()
    return answer.status === 200 ? `${answer.headers.get('etag')} ${body}` : undefined
  }

  /** What it says of itself. */
  async status(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#managementPort}/statusz`).catch(() => undefined)
    return (await answer?.text()) ?? 'no answer'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#asking
    await this.kill()
  }

  async #ask(): Promise<void> {
    const url = `http://127.0.0.1:${this.#port}/v1/products?ids=${ids.join()}`
    while (!this.#stopping.signal.aborted) {
      await pause(PAUSE_MS)
      const answer = await fetch(url).catch(() => undefined)
      if (answer?.status !== 200) {
        await answer?.arrayBuffer()
        this.refused += 1
        continue
      }
      const body: unknown = await answer.json()
      this.#judge(rowsOf(body), answer.headers.get('freshet-position') ?? '')
    }
  }

  #judge(rows: readonly { readonly id: string; readonly value: number }[], position: string): void {
    this.answered += 1
    const mark = rows.find(({ id }) => id === 'mark')?.value ?? -1
    const last = this.answers.at(-1)
    // A position is source.offset. Another source is another history.
    const same = last?.position.slice(0, 8) === position.slice(0, 8)
    if (last !== undefined && same && (mark < last.mark || position < last.position)) this.backwards += 1
    const digest = digestOf(rows)
    if (last?.mark !== mark || last.digest !== digest) this.answers.push({ mark, digest, position })
  }
}

function rowsOf(body: unknown): readonly { readonly id: string; readonly value: number }[] {
  const items: unknown = body !== null && typeof body === 'object' && 'items' in body ? body.items : undefined
  if (!Array.isArray(items)) throw new Error(`expected items, got ${JSON.stringify(body)}`)
  return items.map((item: unknown) => {
    if (item === null || typeof item !== 'object' || !('id' in item) || !('value' in item))
      throw new Error(`expected a row, got ${JSON.stringify(item)}`)
    return { id: String(item.id), value: Number(item.value) }
  })
}
