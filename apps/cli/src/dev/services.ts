import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deliveryHeap } from '@freshet/delivery/heap'
import { readerHeap } from '@freshet/reader/heap'
import { heapFlagsOf } from '@freshet/service/start'
import { writerHeap } from '@freshet/writer/heap'
import type { CommandContext } from '../command.ts'
import { tokenKeyFile } from '../state-folder.ts'
import type { StateFolder } from '../state-folder.ts'
import { newTokenKey, publicKeysOf } from '../token-key.ts'
import type { ChildOptions } from './child.ts'
import type { DevConfig } from './config.ts'
import { portsAt, type PortPair } from './ports.ts'

/** Options shared by all services of a run. */
export interface SharedServiceOptions {
  readonly context: CommandContext
  readonly config: DevConfig
  readonly state: StateFolder
  /** Absolute path of the collections directory. */
  readonly collections: string
  /** Pages that may call the services, known when they start. */
  readonly origins: () => readonly string[]
}

/** Options of one service. */
export interface ServiceSpec {
  readonly app: 'reader' | 'writer' | 'delivery'
  readonly name: string
  /** Offset from the first port: 0 for the writer, then the readers, then the deliveries. */
  readonly index: number
  /** Instead of those of its index. */
  readonly ports?: PortPair | undefined
  readonly uri: string
  readonly args: readonly string[]
}

/** Also the names of the options. */
const addressFiles = { mongodb: 'mongodb-uri', postgres: 'postgres-uri' } as const
const ticketSecretFile = 'ticket-secret'
const publicKeysFile = 'token-public-keys'

const ext = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const endWithParent = new URL(`./end-with-parent.${ext}`, import.meta.url).href

/**
 * Options to start a service. Each one has its own directory with its database address and the keys that verify tokens. They
 * are passed as files because command lines are visible to other users, and variables are inherited by child processes.
 */
export function childOptions(shared: SharedServiceOptions, spec: ServiceSpec): ChildOptions {
  const { context, config, state, collections } = shared
  const origins = shared.origins()
  const slug = spec.name.replaceAll(' ', '-')
  const own = (name: string): string => join(slug, name)
  state.folder(slug)
  const addressFile = addressFiles[config.databaseKind]
  state.write(own(addressFile), spec.uri)
  state.write(own(publicKeysFile), publicKeysOf(state.secret(tokenKeyFile, newTokenKey)))
  if (spec.app === 'delivery') state.write(own(ticketSecretFile), state.secret(ticketSecretFile))
  const { port, managementPort } = spec.ports ?? portsAt(config.port, spec.index)
  const args = [
    `--host=${config.host}`,
    `--port=${port}`,
    `--management-port=${managementPort}`,
    `--${addressFile}-file=${state.file(own(addressFile))}`,
    `--database=${config.database}`,
    spec.app === 'delivery'
      ? `--ticket-secret-file=${state.file(own(ticketSecretFile))}`
      : `--collections=${collections}`,
    `--token-public-keys-file=${state.file(own(publicKeysFile))}`,
    ...(origins.length === 0 ? [] : [`--cors-origins=${origins.join()}`]),
    ...spec.args,
  ]
  // The service would start a second process for it.
  const heap = heapFlagsOf(heaps[spec.app], { argv: args, env: {}, readFile: context.readFile })
  return {
    name: spec.name,
    main: mainOf(spec.app),
    args,
    nodeArgs: [...process.execArgv, ...heap, `--import=${endWithParent}`],
    env: withoutFreshetVariables(context.env),
    logFile: state.logFile(slug),
    say: context.say,
  }
}

/** Services read FRESHET_… variables too and refuse unknown ones. Ours are only for this command. */
function withoutFreshetVariables(env: CommandContext['env']): CommandContext['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FRESHET_')))
}

const heaps = { delivery: deliveryHeap, reader: readerHeap, writer: writerHeap }

const entryPoints = {
  delivery: () => import.meta.resolve('@freshet/delivery'),
  reader: () => import.meta.resolve('@freshet/reader'),
  writer: () => import.meta.resolve('@freshet/writer'),
}

/** The main module of an app, in `dist`, or in `src` when running from source. */
function mainOf(app: ServiceSpec['app']): string {
  return fileURLToPath(entryPoints[app]()).replace(/index\.(ts|js)$/, 'main.$1')
}
