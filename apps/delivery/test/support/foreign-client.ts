import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)
const sources = join(import.meta.dirname, '../clients')
const INSTALL_WITHIN_MS = 240_000

/** A client of another language: how it is installed, and the command that runs it from the directory where it is. */
interface Language {
  /** What decides whether it has to be installed again. */
  readonly pinned: readonly string[]
  readonly install: (into: string) => Promise<unknown>
  readonly command: (installed: string) => readonly [string, ...string[]]
  readonly env: (installed: string) => Readonly<Record<string, string>>
}

const languages = {
  python: {
    pinned: ['python/requirements.txt'],
    install: (into) => {
      const requirements = join(sources, 'python/requirements.txt')
      const flags = ['--no-deps', '--quiet', '--disable-pip-version-check']
      return run('python3', ['-m', 'pip', 'install', ...flags, '--target', into, '-r', requirements], {
        timeout: INSTALL_WITHIN_MS,
      })
    },
    command: () => ['python3', join(sources, 'python/client.py')],
    env: (installed) => ({ PYTHONPATH: installed, PYTHONDONTWRITEBYTECODE: '1' }),
  },
  go: {
    pinned: ['go/go.mod', 'go/go.sum', 'go/main.go'],
    install: (into) =>
      run('go', ['build', '-mod=readonly', '-buildvcs=false', '-o', join(into, 'client'), '.'], {
        cwd: join(sources, 'go'),
        timeout: INSTALL_WITHIN_MS,
      }),
    command: (installed) => [join(installed, 'client')],
    env: () => ({}),
  },
} as const satisfies Record<string, Language>

/** Languages that have a client here. */
export type LanguageName = keyof typeof languages

/** Installed outside of the repository, once for each state of what is pinned. */
async function installed(name: LanguageName): Promise<string> {
  const { pinned, install }: Language = languages[name]
  const hash = createHash('sha256')
  for (const file of pinned) hash.update(await readFile(join(sources, file)))
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'freshet', 'clients')
  const target = join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`)
  if (
    await access(target).then(
      () => true,
      () => false,
    )
  )
    return target
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'installing-'))
  try {
    await install(work)
    await rename(work, target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return target
}

/** One line of a client's output. */
interface Line {
  readonly event: 'publication' | 'subscribed' | 'disconnected'
  readonly value: {
    readonly id?: string
    readonly type?: string
    readonly wasRecovering?: boolean
    readonly recovered?: boolean
  }
}

/**
 * A client in another language, connected as the bearer of a token; `undefined`, with a message, where its language or its
 * registry is missing.
 */
export async function openForeignClient(name: LanguageName, url: string, token: string) {
  const folder = await installed(name).catch((error: unknown) => {
    const why = String(error).split('\n')[0]
    process.stderr.write(`SKIPPED: the ${name} client could not be installed (${why}).\n`)
  })
  if (folder === undefined) return undefined
  const language: Language = languages[name]
  const [program, ...args] = language.command(folder)
  const child = spawn(program, [...args, token, url], {
    env: { ...process.env, ...language.env(folder) },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined)
  const lines: Line[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  return {
    /** Of publications that are messages. */
    ids: (): readonly string[] =>
      lines.flatMap(({ event, value }) =>
        event === 'publication' && value.id !== undefined ? [value.id] : [],
      ),
    /** Whether each connection recovered; the first one has nothing to recover. */
    subscribed: (): readonly (readonly [wasRecovering: boolean, recovered: boolean])[] =>
      lines.flatMap(({ event, value: { wasRecovering = false, recovered = false } }) =>
        event === 'subscribed' ? [[wasRecovering, recovered] as const] : [],
      ),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}
