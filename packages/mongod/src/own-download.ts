import { mkdtemp, rename, rm } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { join } from 'node:path'
import { DryMongoBinary } from 'mongodb-memory-server-core'
import type { MongoBinaryOpts } from 'mongodb-memory-server-core/lib/util/MongoBinary.js'
import { MongoBinaryDownload } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownload.js'
import {
  envToBool,
  ResolveConfigVariables,
  resolveConfig,
  setDefaultValue,
} from 'mongodb-memory-server-core/lib/util/resolveConfig.js'
import type { Environment } from './cache-folder.ts'
import { assertListening } from './listening.ts'
import { isWithoutProxy } from './no-proxy.ts'

/** The version to download; available for all common systems. */
const version = '7.0.14'
const probeWithinMs = 5_000

/** The path of a mongod that an earlier run downloaded into `cache`. */
export async function findDownload(cache: string): Promise<string | undefined> {
  return DryMongoBinary.locateBinary({ version, downloadDir: cache })
}

/**
 * Downloads MongoDB into `cache` from mongodb.com, or from where the variables of mongodb-memory-server say
 * (`MONGOMS_DOWNLOAD_MIRROR`, `MONGOMS_DOWNLOAD_URL`, …). Uses the proxy of the environment, except for hosts in `NO_PROXY`.
 * Safe to run concurrently: each process works in its own directory and finishes with a rename.
 * @throws {Error} within five seconds if the host is unreachable, or if there is no build for this system.
 */
export async function downloadMongod(cache: string, env: Environment): Promise<string> {
  if (!envToBool(resolveConfig(ResolveConfigVariables.RUNTIME_DOWNLOAD)))
    throw new Error('disabled by MONGOMS_RUNTIME_DOWNLOAD')
  const options = await DryMongoBinary.generateOptions({ version, downloadDir: cache })
  const checkMD5 = envToBool(resolveConfig(ResolveConfigVariables.MD5_CHECK))
  const target = await new Download({ ...options, downloadDir: cache, checkMD5 }, env).getPath()
  const work = await mkdtemp(join(cache, 'downloading-'))
  try {
    const downloaded = await new Download({ ...options, downloadDir: work, checkMD5 }, env).getMongodPath()
    // Without its checksum, the library considers the binary broken and deletes it.
    await rename(`${downloaded}.md5`, `${target}.md5`)
    await rename(downloaded, target)
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * The library's download, but it fails fast if the host is unreachable, honors `NO_PROXY`, supports http mirrors, and prints
 * nothing. The library still chooses the URL and the proxy.
 */
class Download extends MongoBinaryDownload {
  readonly #env: Environment

  constructor(options: MongoBinaryOpts, env: Environment) {
    super(options)
    this.#env = env
  }

  override getPath(): Promise<string> {
    return super.getPath()
  }

  /** The library prints progress to standard output, which is reserved for results: `freshet dev --json`. */
  override printDownloadProgress({ length }: { length: number }): void {
    this.dlProgress.current += length
  }

  override async httpDownload(url: URL, options: RequestOptions, from: string, to: string): Promise<string> {
    const { agent } = options
    const direct = typeof agent !== 'object' || isWithoutProxy(url, this.#env)
    if (url.protocol === 'http:') {
      setDefaultValue(ResolveConfigVariables.USE_HTTP, 'true')
      // The library sets this port for every URL.
      if (url.port === '443') url.port = ''
    }
    const first = !direct && 'proxy' in agent && agent.proxy instanceof URL ? agent.proxy : url
    const port = Number(first.port || (first.protocol === 'http:' ? 80 : 443))
    await assertListening(first.hostname.replace(/^\[(.*)\]$/, '$1'), port, probeWithinMs)
    return super.httpDownload(url, direct ? { ...options, agent: undefined } : options, from, to)
  }
}
