import { createPrivateKey } from 'node:crypto'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadCollections } from '@freshet/documents'
import { storedNameFault } from '@freshet/mongodb-rules'
import { Lifecycle } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import type { World } from '../command.ts'
import { signToken } from '../sign-token.ts'
import { newTokenKey } from '../token-key.ts'
import { tokenKeyFile } from '../state-folder.ts'
import type { StateFolder } from '../state-folder.ts'
import { Announcement } from './announcement.ts'
import type { DevConfig } from './config.ts'
import { DevDatabase } from './database.ts'
import { describe } from './describe.ts'
import type { Doors } from './child.ts'
import { hostsFromElsewhere, loopbackOf, requireHost, urlFromHere, urlOf } from './host.ts'
import { portsAt, requireFreePorts } from './ports.ts'
import { SampleData } from './sample.ts'
import { ServicePart } from './service-part.ts'
import { childOf, readerHeapMiB, writerHeapMiB } from './services.ts'

const stopWithinMs = 20_000
const tokenForMs = 30 * 86_400_000
const sampleFolder = fileURLToPath(new URL('../../../../collections', import.meta.url))

/**
 * Starts everything, tells the addresses, and waits for Ctrl-C or for the first process that ends by itself; then
 * stops everything in reverse order. Settles when no process is left.
 * @returns why it ended: `asked`, or `broken` when something failed; what failed was said.
 */
export async function runDev(
  config: DevConfig,
  state: StateFolder,
  world: World,
): Promise<'asked' | 'broken'> {
  const { clock, say, stopped } = world
  const log = sayingLog(say)
  await requireHost(config.host)
  await requireFreePorts(config.port, 1 + config.readers, config.host)
  using announcement = new Announcement(world)
  let broken: string | undefined
  const ended = new AbortController()
  const onEnd = (how: string, logFile?: string): void => {
    const where = logFile === undefined ? '' : ` Its log is ${logFile}.`
    if (broken === undefined && !stopped.aborted) say(`${how}: stopping everything.${where}`)
    broken ??= how
    ended.abort()
  }
  const collections = resolve(world.cwd, config.collections ?? sampleFolder)
  const names = [...(await loadCollections(collections, storedNameFault)).values()].map(
    ({ stored }) => stored,
  )
  const token = await developerToken(state)

  const { database } = config
  const mongodb = new DevDatabase({ world, log, state, uri: config.db, database, collections: names, onEnd })
  const ground = { world, config, state, collections }
  const writer = new ServicePart({
    world,
    name: 'writer',
    onEnd,
    child: () =>
      childOf(ground, {
        app: 'writer',
        name: 'writer',
        place: 0,
        uri: mongodb.uriFor('freshet-writer'),
        args: readerUrl(config),
        heapMiB: writerHeapMiB,
      }),
  })
  const readers = Array.from({ length: config.readers }, (_, at) => {
    const name = `reader ${at + 1}`
    const args = [`--cache-size=${config.cacheSizeBytes}B`]
    return new ServicePart({
      world,
      name,
      onEnd,
      child: () =>
        childOf(ground, {
          app: 'reader',
          name,
          place: at + 1,
          uri: mongodb.uriFor('freshet-reader'),
          args,
          heapMiB: readerHeapMiB(config.cacheSizeBytes),
        }),
    })
  })
  const sampled = sampleFor(config, mongodb.given)
  const sample = new SampleData({ writer: () => urlFromHere(writer.doors.url), token, clock, log })

  await using lifecycle = new Lifecycle({ log, clock, stopWithinMs })
  stopped.addEventListener('abort', () => {
    say(mongodb.keptAt === undefined ? 'Stopping …' : `Stopping …; the data stays in ${mongodb.keptAt}.`)
    ended.abort()
  })
  ended.signal.addEventListener('abort', () => void lifecycle.stop(), { once: true })
  if (stopped.aborted) return 'asked'
  try {
    await lifecycle.start([
      mongodb,
      writer,
      together('readers', readers),
      ...(sampled === 'written' ? [sample] : []),
    ])
  } catch (error) {
    // What a person stopped need not be reported as broken.
    if (!stopped.aborted && broken === undefined) throw error
  }
  if (!stopped.aborted && broken === undefined) {
    const running = {
      writer: fromHere(writer.doors),
      readers: readers.map(({ doors }) => fromHere(doors)),
      mongodb: mongodb.adminUri,
      reader: mongodb.uriFor('freshet-reader'),
      auditor: mongodb.uriFor('freshet-auditor'),
      database,
      collections,
      token,
      tokenKeyFile: state.file(tokenKeyFile),
    }
    await announcement.make(running)
    if (sampled === 'unasked') say('No sample data is written into your own MongoDB; --sample writes it.')
    const { json, text } = describe(running)
    world.print(config.json ? json : [text, ...openTo(config.host)].join('\n'))
    await untilAborted(ended.signal)
  }
  await lifecycle.stop()
  return broken === undefined ? 'asked' : 'broken'
}

/** In a database that was there already nothing is written unasked: its address may be a forgotten variable. */
function sampleFor({ sample, noSample, collections }: DevConfig, given: string | undefined) {
  if (noSample || collections !== undefined) return 'unwanted'
  return given === undefined || sample ? 'written' : 'unasked'
}

/** The writer points those who want to read at the first reader, where its address is known before it starts. */
function readerUrl({ host, port, readers }: DevConfig): readonly string[] {
  if (port === 0 || readers === 0) return []
  const [shown = loopbackOf(host)] = hostsFromElsewhere(host)
  return [`--reader-url=${urlOf(shown, portsAt(port, 1).port)}`]
}

function fromHere({ url, managementUrl }: Doors): Doors {
  return { url: urlFromHere(url), managementUrl }
}

/** Said when others can reach the services. */
function openTo(host: string): readonly string[] {
  const others = hostsFromElsewhere(host)
  if (others.length === 0) return []
  return [
    '',
    `Other machines reach writer and readers by the same ports at ${others.join(', ')}.`,
    'What a collection file does not call public needs the token.',
  ]
}

function developerToken(state: StateFolder): Promise<string> {
  const content = {
    subject: 'developer',
    roles: [],
    issuer: 'freshet',
    audience: 'freshet',
    forMs: tokenForMs,
  }
  return signToken(createPrivateKey(state.secret(tokenKeyFile, newTokenKey)), content)
}

/** Several parts that start and stop at the same time. */
function together(name: string, parts: readonly ServicePart[]) {
  return {
    name,
    start: async (): Promise<void> => void (await Promise.all(parts.map((part) => part.start()))),
    stop: async (): Promise<void> => void (await Promise.all(parts.map((part) => part.stop()))),
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Lines for a person at a terminal. */
function sayingLog(say: (text: string) => void): Log {
  const withCause = (fields: object, message: string): void => {
    const cause = 'err' in fields && fields.err instanceof Error ? `: ${fields.err.message}` : ''
    say(`${message}${cause}`)
  }
  return {
    debug: () => undefined,
    info: (_fields, message) => say(message),
    warn: withCause,
    error: withCause,
  }
}
