/**
 * The commands of the README, and `check`, from a fresh clone: installs what is missing through the pinned pnpm,
 * saying so, and then does what was asked. Plain JavaScript with no dependency, since nothing is installed yet.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { packageManager, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const [name, ...args] = process.argv.slice(2)

/** What is built already is not built again, which only the build itself knows: until it is over, this is what is true. */
const build = {
  title: 'Building',
  argv: ['turbo', 'run', 'build', '--output-logs=errors-only'],
  held: 'Building what has changed',
}
/** The command line, from what it is made of and nothing else. */
const freshet = (...argv) => [
  { ...build, argv: [...build.argv, '--filter=@freshet/cli'] },
  { argv: [process.execPath, 'apps/cli/dist/main.js', ...argv], channel: true },
]

/** What each command runs once the packages are there, in order; the first that fails ends the run. */
const commands = {
  dev: freshet('dev', ...args),
  freshet: freshet(...args),
  test: [
    // Some tests start the built programs.
    build,
    {
      argv: [
        process.execPath,
        '--experimental-vm-modules',
        '--disable-warning=ExperimentalWarning',
        'node_modules/jest/bin/jest.js',
        ...args,
      ],
    },
  ],
  check: [
    { title: 'Format', argv: ['prettier', '--check', '--log-level', 'warn', '.'] },
    { title: 'Lint', argv: ['oxlint', '--type-aware', '--deny-warnings'] },
    { title: 'Versions', argv: ['sherif'] },
    { title: 'Boundaries', argv: ['turbo', 'boundaries'] },
    { title: 'Unused code', argv: ['knip'] },
    { title: 'Types', argv: ['tsc', '--noEmit'] },
    { title: 'Build', argv: ['turbo', 'run', 'build', '--output-logs=errors-only'] },
    { title: 'Public surface', argv: [process.execPath, 'scripts/api-report.mjs'] },
    ...(args.includes('--no-tests') ? [] : [{ title: 'Tests', argv: ['npm', 'test'] }]),
  ],
}

/** Progress goes to standard error, so that `npm run dev -- --json` prints nothing but its one line. */
const say = (text) => process.stderr.write(`${text}\n`)

/** Without npm nobody would pass a signal on any more: npm killed without a word ends what it started here. */
const parent = process.ppid
const parentCheckMs = 1_000

/** What runs here asks services on this machine, which no proxy knows. Tests do so by `fetch`, as any client. */
const direct = [process.env.no_proxy, process.env.NO_PROXY, '127.0.0.1,::1,localhost'].filter(Boolean).join()

/** A step that is over sooner is not worth a line. */
const sayAfterMs = 2_000

/**
 * Runs one program to its end and resolves with its exit code; signals are passed on, so Ctrl-C ends both. One that gets
 * a channel sees it close when this process is gone. What one prints that is held is said when it fails; the words of
 * `held` are said while it takes long.
 */
function run([command, ...rest], { quiet = false, held = false, channel = false } = {}) {
  return new Promise((resolve) => {
    let stdio = ['inherit', 'inherit', 'inherit']
    if (quiet) stdio = ['ignore', process.stderr, 'inherit']
    if (held) stdio = ['ignore', 'pipe', 'pipe']
    const child = spawn(command, rest, {
      cwd: root,
      stdio: channel ? [...stdio, 'ipc'] : stdio,
      env: {
        ...process.env,
        PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
        no_proxy: direct,
        NO_PROXY: direct,
        TURBO_TELEMETRY_DISABLED: '1',
        DO_NOT_TRACK: '1',
        FORCE_COLOR: process.stderr.isTTY ? '1' : '0',
      },
    })
    const pass = (signal) => child.kill(signal)
    process.on('SIGINT', pass).on('SIGTERM', pass)
    const watch = setInterval(() => {
      if (process.ppid === parent) return
      // Once: a second signal would be a second Ctrl-C, which ends a run that still stops in order.
      clearInterval(watch)
      pass('SIGTERM')
    }, parentCheckMs)
    child.on('error', (error) => {
      say(`Could not run ${command}: ${error.message}`)
      resolve(1)
    })
    const output = []
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => output.push(chunk))
    child.on('close', (code, signal) => {
      clearInterval(watch)
      process.off('SIGINT', pass).off('SIGTERM', pass)
      if (code !== 0) process.stderr.write(Buffer.concat(output))
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })
}

/** Installs when the lock file is not the one that was installed last. */
async function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  const mark = join(root, 'node_modules', '.freshet-installed')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return 0
  say(`Installing the packages with ${packageManager} (once per change of the lock file) …`)
  const flags = ['install', '--frozen-lockfile', '--reporter=append-only']
  const code = await run(['npx', '--yes', packageManager, ...flags], { quiet: true })
  if (code === 0) writeFileSync(mark, lock)
  else
    say(
      `Installing failed with exit code ${code}. Freshet needs Node ${engines.node} and reach to the npm registry.`,
    )
  return code
}

/** Without it an older Node would fail later, somewhere, with an error of some package. */
function nodeIsNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = engines.node.replace('>=', '').split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

async function main() {
  if (!nodeIsNewEnough()) {
    say(
      `Freshet needs Node ${engines.node}; ${process.execPath} is ${process.versions.node}. Install a newer one.`,
    )
    return 1
  }
  const steps = commands[name]
  if (!steps) {
    say(`Unknown command ${JSON.stringify(name)}: wanted ${Object.keys(commands).join(', ')}.`)
    return 2
  }
  const installed = await install()
  if (installed !== 0) return installed
  for (const { title, argv, held, channel } of steps) {
    if (title && !held) say(`${title} …`)
    const telling = held && setTimeout(() => say(`${held} …`), sayAfterMs)
    const code = await run(argv, { held, channel })
    clearTimeout(telling)
    if (code !== 0) {
      if (title) say(`${title}: failed with exit code ${code}.`)
      return code
    }
  }
  return 0
}

process.exitCode = await main()
