import { systemClock } from '@freshet/kit'
import { eventually, openTestDatabase, type TestDatabase } from '@freshet/testkit'
import { runProgram } from '../../src/program.ts'
import { ServiceProcess } from './service-process.ts'

const heapMiB = 512
const args: readonly string[] = []

/** A database, a writer and two readers, and commands to operate them. */
export class Operated implements AsyncDisposable {
  readonly db: TestDatabase
  readonly writer: ServiceProcess
  readonly readers: readonly ServiceProcess[]

  private constructor(db: TestDatabase, writer: ServiceProcess, readers: readonly ServiceProcess[]) {
    this.db = db
    this.writer = writer
    this.readers = readers
  }

  static async start(): Promise<Operated> {
    const db = await openTestDatabase({ own: true })
    // Before readers follow, or they would know them as recent changes.
    await db.admin
      .db('shop')
      .collection<{ _id: string }>('products')
      .insertMany(['a', 'b', 'c'].map((_id) => ({ _id, name: _id, price: 1, stock: 1 })))
    const reader = { app: 'reader', uri: db.uriFor('reader'), heapMiB, args } as const
    const [writer, ...readers] = await Promise.all([
      ServiceProcess.start({ app: 'writer', uri: db.uriFor('writer'), heapMiB, args }),
      ServiceProcess.start(reader),
      ServiceProcess.start(reader),
    ])
    await Promise.all(
      [writer, ...readers].map(({ managementUrl }) =>
        eventually(async () => {
          const { ok, status } = await fetch(`${managementUrl}/readyz`)
          if (!ok) throw new Error(`not ready: ${status}`)
        }),
      ),
    )
    return new Operated(db, writer, readers)
  }

  get managementUrls(): string {
    return [this.writer, ...this.readers].map(({ managementUrl }) => managementUrl).join()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.writer, ...this.readers].map((service) => service[Symbol.asyncDispose]()))
    await this.db[Symbol.asyncDispose]()
  }
}

/** Runs a command in this process, with files that exist only here. */
export async function freshet(
  argv: readonly string[],
  {
    files = {},
    stopped = new AbortController().signal,
    columns,
  }: {
    readonly files?: Readonly<Record<string, string>>
    readonly stopped?: AbortSignal
    readonly columns?: number
  } = {},
) {
  const lines = { printed: '', said: '' }
  const code = await runProgram(argv, {
    env: {},
    cwd: '/nowhere',
    clock: systemClock,
    readFile: (path) => {
      const content = files[path]
      if (content === undefined) throw new Error(`ENOENT: ${path}`)
      return content
    },
    print: (text) => (lines.printed += text),
    say: (text) => (lines.said += text),
    stopped,
    columns,
  })
  return { code, ...lines }
}
