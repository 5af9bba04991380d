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

/** The server that is fetched from MongoDB's own site; built for every system that is common today. */
const version = '7.0.14'
const probeWithinMs = 5_000

/** The path of a server that an earlier run fetched into `cache` from MongoDB's site, if there is one. */
export async function fetchedEarlier(cache: string): Promise<string | undefined> {
  return DryMongoBinary.locateBinary({ version, downloadDir: cache })
}

/**
 * Fetches MongoDB into `cache`, from its own site or from where the variables of mongodb-memory-server say
 * (`MONGOMS_DOWNLOAD_MIRROR`, `MONGOMS_DOWNLOAD_URL`, …), through the proxy that a variable names unless `NO_PROXY` has
 * the host. Two processes at once are fine: each works in a folder of its own and puts what it has in its place by a rename.
 * @throws {Error} within five seconds when nobody is there; also when there is no build for this system.
 */
export async function fetchFromSite(cache: string, env: Environment): Promise<string> {
  if (!envToBool(resolveConfig(ResolveConfigVariables.RUNTIME_DOWNLOAD)))
    throw new Error('MONGOMS_RUNTIME_DOWNLOAD forbids it')
  const options = await DryMongoBinary.generateOptions({ version, downloadDir: cache })
  const checkMD5 = envToBool(resolveConfig(ResolveConfigVariables.MD5_CHECK))
  const target = await new Download({ ...options, downloadDir: cache, checkMD5 }, env).getPath()
  const work = await mkdtemp(join(cache, 'downloading-'))
  try {
    const fetched = await new Download({ ...options, downloadDir: work, checkMD5 }, env).getMongodPath()
    // Without its sum the library takes a server for a broken one, and deletes it.
    await rename(`${fetched}.md5`, `${target}.md5`)
    await rename(fetched, target)
    return target
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * The library's download, with some things added: it fails fast when nobody is there, knows `NO_PROXY`, takes an http
 * mirror for what it is, and prints nothing. Which address and which proxy are asked is the library's own choice, so nothing is refused
 * here that it would take.
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

  /** The library's prints to standard output, which belongs to results: `freshet dev --json` has one line there. */
  override printDownloadProgress({ length }: { length: number }): void {
    this.dlProgress.current += length
  }

  override async httpDownload(url: URL, options: RequestOptions, from: string, to: string): Promise<string> {
    const { agent } = options
    const direct = typeof agent !== 'object' || isWithoutProxy(url, this.#env)
    if (url.protocol === 'http:') {
      setDefaultValue(ResolveConfigVariables.USE_HTTP, 'true')
      // The library's own default for every URL.
      if (url.port === '443') url.port = ''
    }
    const first = !direct && 'proxy' in agent && agent.proxy instanceof URL ? agent.proxy : url
    const port = Number(first.port || (first.protocol === 'http:' ? 80 : 443))
    await assertListening(first.hostname.replace(/^\[(.*)\]$/, '$1'), port, probeWithinMs)
    return super.httpDownload(url, direct ? { ...options, agent: undefined } : options, from, to)
  }
}
