/**
 * Runs the npm scripts of the repository from a fresh clone: installs dependencies with the pinned pnpm if necessary, then runs
 * the command. Plain JavaScript without dependencies, because nothing is installed yet.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { packageManager, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const [name, ...args] = process.argv.slice(2)

/** Only the build itself knows whether there is anything to build. */
const build = {
  title: 'Building',
  argv: ['turbo', 'run', 'build', '--output-logs=errors-only'],
  held: 'Building what has changed',
}
/** Builds the command line and its dependencies, and runs it. */
const freshet = (...argv) => [
  { ...build, argv: [...build.argv, '--filter=@freshet/cli'] },
  { argv: [process.execPath, 'apps/cli/dist/main.js', ...argv], channel: true },
]

/** Runs Jest. */
const jest = (...argv) => ({
  argv: [
    process.execPath,
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    'node_modules/jest/bin/jest.js',
    ...argv,
  ],
})

/** Test files that take minutes because they prove their rules by volume, or by many starts and kills. */
const longTests = JSON.parse(readFileSync(join(root, 'scripts/long-tests.json'), 'utf8'))
const withoutLongTests = `--testPathIgnorePatterns=/node_modules/|\\.(?:debezium|debezium-server|faults)\\.test\\.ts$|/(${longTests.join('|').replaceAll('.', '\\.')})$`

/** The steps of each command, after installation. The first failure ends the run. */
const commands = {
  dev: freshet('dev', ...args),
  freshet: freshet(...args),
  // Some tests start built programs. What is named is run, long or not.
  test: [build, jest(...(args.length === 0 ? [withoutLongTests] : args))],
  'test:long': [build, jest('--runTestsByPath', ...longTests)],
  // Kafka and Debezium, from Maven Central, and MySQL if it is installed.
  'test:debezium': [
    build,
    jest('-i', '--testPathIgnorePatterns=/node_modules/', '--testPathPatterns=debezium.test', ...args),
  ],
  // MariaDB and Debezium Server, 780 MB from Maven Central.
  'test:debezium-server': [
    build,
    jest('-i', '--testPathIgnorePatterns=/node_modules/', '--testPathPatterns=debezium-server.test', ...args),
  ],
  // PostgreSQL under load that is killed, fails over and runs out of disk. As root, for a file system of its own.
  'test:postgres-faults': [
    jest('-i', '--testPathIgnorePatterns=/node_modules/', '--testPathPatterns=postgres.faults.test', ...args),
  ],
  // PostgreSQL, Debezium, Kafka and two readers.
  debezium: [
    build,
    {
      argv: [
        process.execPath,
        '--conditions=@freshet/source',
        '--import=./packages/testkit/hooks/from-source.mjs',
        'examples/debezium/src/main.ts',
        ...args,
      ],
    },
  ],
  // Clients, instances and the database of messages under random failures.
  chaos: [
    build,
    {
      argv: [
        process.execPath,
        '--conditions=@freshet/source',
        '--import=./packages/testkit/hooks/from-source.mjs',
        'apps/delivery/test/chaos/main.ts',
        ...args,
      ],
    },
  ],
  // Installs Freshet in the cluster of KUBECONFIG and disturbs it.
  'test:cluster': [
    build,
    {
      argv: [
        process.execPath,
        '--conditions=@freshet/source',
        '--import=./packages/testkit/hooks/from-source.mjs',
        'infra/k8s/test/cluster/main.ts',
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
    ...(args.includes('--no-tests')
      ? []
      : [
          { title: 'Tests', argv: ['npm', 'test'] },
          { title: 'Long tests', argv: ['npm', 'run', 'test:long'] },
        ]),
  ],
}

/** Progress goes to standard error, so that `npm run dev -- --json` prints only one line. */
const say = (text) => process.stderr.write(`${text}\n`)

/** If npm is killed, nothing forwards signals any more, so poll for the parent and stop when it is gone. */
const parent = process.ppid
const parentCheckMs = 1_000

/** Local services are not reachable through a proxy. Tests use `fetch`, which honors these variables. */
const direct = [process.env.no_proxy, process.env.NO_PROXY, '127.0.0.1,::1,localhost'].filter(Boolean).join()

/** Quick steps are not announced. */
const sayAfterMs = 2_000

/**
 * Runs a program and resolves with its exit code. Forwards signals. With `channel`, the program gets an IPC channel that closes
 * when this process ends. With `held`, its output is printed only if it fails.
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
      // Only once: a second signal would abort a graceful shutdown.
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

/** Installs if the lock file has changed since the last installation. */
async function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex')
  const mark = join(root, 'node_modules', '.freshet-installed')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return 0
  say(`Installing packages with ${packageManager} …`)
  const flags = ['install', '--frozen-lockfile', '--reporter=append-only']
  const code = await run(['npx', '--yes', packageManager, ...flags], { quiet: true })
  if (code === 0) writeFileSync(mark, lock)
  else
    say(
      `Installation failed with exit code ${code}. Freshet needs Node.js ${engines.node} and access to the npm registry.`,
    )
  return code
}

/** An older Node.js would fail later with an obscure error. */
function nodeIsNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = engines.node.replace('>=', '').split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

async function main() {
  if (!nodeIsNewEnough()) {
    say(
      `Freshet needs Node.js ${engines.node}; ${process.execPath} is ${process.versions.node}. Install a newer version.`,
    )
    return 1
  }
  const steps = commands[name]
  if (!steps) {
    say(`Unknown command ${JSON.stringify(name)}; expected: ${Object.keys(commands).join(', ')}.`)
    return 2
  }
  const installed = await install()
  if (installed !== 0) return installed
  for (const { title, argv, held, channel } of steps) {
    if (title && !held) say(`${title} …`)
    const notice = held && setTimeout(() => say(`${held} …`), sayAfterMs)
    const code = await run(argv, { held, channel })
    clearTimeout(notice)
    if (code !== 0) {
      if (title) say(`${title}: failed with exit code ${code}.`)
      return code
    }
  }
  return 0
}

process.exitCode = await main()
