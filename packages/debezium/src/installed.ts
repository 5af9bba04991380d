import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { javaOfServer } from './debezium-server.ts'

const run = promisify(execFile)
const INSTALL_WITHIN_MS = 400_000
const SERVER_WITHIN_MS = 1_200_000
const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

const pom = join(import.meta.dirname, '../pom.xml')
const natsModule = 'github.com/nats-io/nats-server/v2@v2.15.2'

/**
 * The directory of the jars of Kafka, Kafka Connect and Debezium: 60 MB from Maven Central. Requires Java 17 and Maven.
 * @param fetching called before they are fetched, if they are.
 */
export async function installJars(fetching: () => void = () => {}): Promise<string> {
  await run('java', ['-version'])
  return await installed('jars', await readFile(pom, 'utf8'), (into) => {
    fetching()
    return run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${into}`], {
      timeout: INSTALL_WITHIN_MS,
    })
  })
}

const serverArtifact = 'io.debezium:debezium-server-dist:3.6.1.Final:tar.gz'

/**
 * The directory of Debezium Server: 780 MB from Maven Central, 900 MB unpacked. Requires Java 21, in `JAVA_HOME` or the `PATH`,
 * and Maven.
 */
export async function installDebeziumServer(): Promise<string> {
  const { stderr } = await run(javaOfServer(), ['-version'])
  const [, major] = /version "(\d+)/.exec(stderr) ?? []
  if (Number(major) < 21) throw new Error(`Debezium Server needs Java 21, got ${major}: set JAVA_HOME`)
  const folder = await installed('server', serverArtifact, (into) =>
    run(
      'mvn',
      ['-q', '-B', `${dependencyPlugin}:unpack`, `-Dartifact=${serverArtifact}`, `-DoutputDirectory=${into}`],
      // Without a project, the plugin writes its marks into the current directory.
      { timeout: SERVER_WITHIN_MS, cwd: into },
    ),
  )
  return join(folder, 'debezium-server')
}

/** The program of the NATS server, built from its Go module. Requires Go. */
export async function installNats(): Promise<string> {
  const folder = await installed('nats', natsModule, (into) =>
    run('go', ['install', natsModule], { env: { ...process.env, GOBIN: into }, timeout: INSTALL_WITHIN_MS }),
  )
  return join(folder, 'nats-server')
}

/** Installed outside of the repository, once for each state of what is pinned. */
async function installed(
  name: string,
  pinned: string,
  install: (into: string) => Promise<unknown>,
): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'freshet', 'debezium')
  const target = join(cache, `${name}-${createHash('sha256').update(pinned).digest('hex').slice(0, 16)}`)
  const exists = await access(target).then(
    () => true,
    () => false,
  )
  if (exists) return target
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'installing-'))
  try {
    await install(work)
    // Another process may have installed the same.
    await rename(work, target).catch(() => access(target))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return target
}

/** What `install` returns; `undefined`, with a message, where it cannot be installed. */
export async function ifInstalled<T>(what: string, install: () => Promise<T>): Promise<T | undefined> {
  return await install().catch((error: unknown) => {
    const why = String(error).split('\n')[0]
    process.stderr.write(`SKIPPED: ${what} could not be installed (${why}).\n`)
    return undefined
  })
}
