import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { World } from '../command.ts'
import { tokenKeyFile } from '../state-folder.ts'
import type { StateFolder } from '../state-folder.ts'
import { newTokenKey, publicKeysOf } from '../token-key.ts'
import type { ChildOptions } from './child.ts'
import type { DevConfig } from './config.ts'
import { portsAt } from './ports.ts'

/** What all services of a run share. */
export interface ServiceGround {
  readonly world: World
  readonly config: DevConfig
  readonly state: StateFolder
  /** Folder of the collection files, absolute. */
  readonly collections: string
}

/** What one service gets of its own. */
export interface ServiceSeat {
  readonly app: 'reader' | 'writer'
  readonly name: string
  /** 0 for the writer, 1 and so on for the readers: its distance from the first port. */
  readonly place: number
  readonly uri: string
  readonly args: readonly string[]
  /** The end of its heap, in MiB. Without one Node.js collects garbage late, and takes several times its budget. */
  readonly heapMiB: number
}

/** Enough for a hundred writes at once, each of a body of 1 MiB. */
export const writerHeapMiB = 512

/** The cache may be three quarters of a reader's heap; the rest is for requests. */
export function readerHeapMiB(cacheBytes: number): number {
  return Math.ceil(cacheBytes / 2 ** 20 / 0.75) + 64
}

const addressFile = 'mongodb-uri'
const publicKeysFile = 'token-public-keys'

const ext = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const endWithParent = new URL(`./end-with-parent.${ext}`, import.meta.url).href

/**
 * How a service is started. Each has a folder of its own with what it needs and nothing else: its address with its
 * password, and the keys that verify tokens. They go by files, since other users of the machine see command lines, and
 * children of children would inherit variables.
 */
export function childOf(ground: ServiceGround, seat: ServiceSeat): ChildOptions {
  const { world, config, state, collections } = ground
  const slug = seat.name.replaceAll(' ', '-')
  const own = (name: string): string => join(slug, name)
  state.folder(slug)
  state.write(own(addressFile), seat.uri)
  state.write(own(publicKeysFile), publicKeysOf(state.secret(tokenKeyFile, newTokenKey)))
  const { port, managementPort } = portsAt(config.port, seat.place)
  return {
    name: seat.name,
    main: mainOf(seat.app),
    args: [
      `--host=${config.host}`,
      `--port=${port}`,
      `--management-port=${managementPort}`,
      `--mongodb-uri-file=${state.file(own(addressFile))}`,
      `--database=${config.database}`,
      `--collections=${collections}`,
      `--token-public-keys-file=${state.file(own(publicKeysFile))}`,
      ...(config.corsOrigins.length === 0 ? [] : [`--cors-origins=${config.corsOrigins.join()}`]),
      ...seat.args,
    ],
    nodeArgs: [...process.execArgv, `--max-old-space-size=${seat.heapMiB}`, `--import=${endWithParent}`],
    env: withoutOurs(world.env),
    logFile: state.logFile(slug),
    say: world.say,
  }
}

/** The services read FRESHET_… variables too, and refuse those of others: ours are for this command alone. */
function withoutOurs(env: World['env']): World['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FRESHET_')))
}

const indexOf = {
  reader: () => import.meta.resolve('@freshet/reader'),
  writer: () => import.meta.resolve('@freshet/writer'),
}

/** The program of an app lies beside its index, in `dist`, or in `src` where sources are run. */
function mainOf(app: ServiceSeat['app']): string {
  return fileURLToPath(indexOf[app]()).replace(/index\.(ts|js)$/, 'main.$1')
}
