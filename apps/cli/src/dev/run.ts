import { createPrivateKey } from 'node:crypto'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lifecycle } from '@freshet/kit'
import type { Log } from '@freshet/kit'
import { collectionsFor } from '../collection-places.ts'
import type { CommandContext } from '../command.ts'
import { signToken } from '../sign-token.ts'
import { newTokenKey } from '../token-key.ts'
import { tokenKeyFile } from '../state-folder.ts'
import type { StateFolder } from '../state-folder.ts'
import { Announcement } from './announcement.ts'
import { ChatPage, chatHost } from './chat-page.ts'
import type { DevConfig } from './config.ts'
import { openDatabase } from './open-database.ts'
import { describeRun } from './describe-run.ts'
import type { Endpoints } from './child.ts'
import { externalHosts, loopbackOf, requireHost, localUrlOf, urlOf } from './host.ts'
import { portsAt, requireFree, requireFreePorts } from './ports.ts'
import { SampleData } from './sample.ts'
import { ServicePart } from './service-part.ts'
import { childOptions } from './services.ts'

const stopWithinMs = 20_000
const tokenForMs = 30 * 86_400_000
/** Pages get another when it has expired. */
const pageTokenForMs = 3_600_000
const sampleUsers = ['ann', 'bob'] as const
const sampleFolder = fileURLToPath(new URL('../../../../collections', import.meta.url))

/**
 * Starts everything, prints the addresses, and waits for Ctrl-C or for a process to end unexpectedly. Then stops everything
 * in reverse order. Resolves when all processes have ended.
 * @returns `stopped` by the user, or `failed`; the failure has been reported.
 */
export async function runDev(
  config: DevConfig,
  state: StateFolder,
  context: CommandContext,
): Promise<'stopped' | 'failed'> {
  const { clock, say, stopped } = context
  const log = terminalLog(say)
  await requireHost(config.host)
  const readerNames = namesOf('reader', config.readers)
  const deliveryNames = namesOf('delivery', config.deliveries)
  await requireFreePorts(config.port, ['the writer', ...readerNames, ...deliveryNames], config.host)
  using announcement = new Announcement(context)
  let failure: string | undefined
  const ended = new AbortController()
  const onEnd = (how: string, logFile?: string): void => {
    const where = logFile === undefined ? '' : ` Its log is ${logFile}.`
    if (failure === undefined && !stopped.aborted) say(`${how}: stopping everything.${where}`)
    failure ??= how
    ended.abort()
  }
  const collections = resolve(context.cwd, config.collections ?? sampleFolder)
  const places = await collectionsFor(config.databaseKind, collections)
  const tokenFor = (subject: string, forMs: number) => signedToken(state, subject, forMs)
  const token = await tokenFor('developer', tokenForMs)

  const { database } = config
  const db = openDatabase(config.databaseKind, {
    context,
    log,
    state,
    uri: config.db,
    database,
    collections: places,
    onEnd,
  })
  const messages = config.databaseKind === 'mongodb' ? ['--messages'] : []
  const sampleMode = sampleModeFor(config, db.externalUri)
  const chatPort = portsAt(config.port, 1 + config.readers + config.deliveries).port
  const withChat = sampleMode === 'written' && config.deliveries > 0
  if (withChat && chatPort !== 0) await requireFree(chatPort, chatHost, 'the chat page')
  const origins = (): readonly string[] => (withChat ? [...config.corsOrigins, chat.url] : config.corsOrigins)
  const shared = { context, config, state, collections, origins }
  const writer = new ServicePart({
    context,
    name: 'writer',
    onEnd,
    child: () =>
      childOptions(shared, {
        app: 'writer',
        name: 'writer',
        index: 0,
        uri: db.uriFor('freshet-writer'),
        args: [...readerUrl(config), ...messages],
      }),
  })
  const readers = readerNames.map((name, at) => {
    const { cacheSizeBytes, feedBatchMs } = config
    const batches = feedBatchMs === undefined ? [] : [`--feed-batch=${feedBatchMs}ms`]
    const args = [`--cache-size=${cacheSizeBytes}B`, ...batches, ...messages]
    return new ServicePart({
      context,
      name,
      onEnd,
      child: () =>
        childOptions(shared, {
          app: 'reader',
          name,
          index: at + 1,
          uri: db.uriFor('freshet-reader'),
          args,
        }),
    })
  })
  const deliveries = deliveryNames.map(
    (name, at) =>
      new ServicePart({
        context,
        name,
        onEnd,
        restarts: true,
        child: (ports) =>
          childOptions(shared, {
            app: 'delivery',
            name,
            ports,
            index: 1 + config.readers + at,
            uri: db.deliveryUri(),
            args: [],
          }),
      }),
  )
  const [ann, bob] = sampleUsers
  const sample = new SampleData({
    writer: () => localUrlOf(writer.endpoints.url),
    token,
    ...(messages.length > 0 && {
      people: [
        { user: ann, token: await tokenFor(ann, pageTokenForMs) },
        { user: bob, token: await tokenFor(bob, pageTokenForMs) },
      ] as const,
    }),
    clock,
    log,
  })
  const chat = new ChatPage({
    port: chatPort,
    users: sampleUsers,
    writer,
    readers,
    deliveries,
    tokenFor: (user) => tokenFor(user, pageTokenForMs),
    log,
  })

  await using lifecycle = new Lifecycle({ log, clock, stopWithinMs })
  stopped.addEventListener('abort', () => {
    say(db.dataLocation === undefined ? 'Stopping …' : `Stopping …; the data remains in ${db.dataLocation}.`)
    ended.abort()
  })
  ended.signal.addEventListener('abort', () => void lifecycle.stop(), { once: true })
  if (stopped.aborted) return 'stopped'
  try {
    await lifecycle.start([
      db,
      // Its origin is needed to start the services.
      ...(withChat ? [chat] : []),
      writer,
      together('readers and deliveries', [...readers, ...deliveries]),
      ...(sampleMode === 'written' ? [sample] : []),
    ])
  } catch (error) {
    // An interrupted start is not a failure.
    if (!stopped.aborted && failure === undefined) throw error
  }
  if (!stopped.aborted && failure === undefined) {
    const running = {
      writer: localEndpoints(writer.endpoints),
      readers: readers.map(({ endpoints }) => localEndpoints(endpoints)),
      deliveries: deliveries.map(({ endpoints }) => localEndpoints(endpoints)),
      databaseKind: config.databaseKind,
      addresses: {
        admin: db.adminUri,
        writer: db.uriFor('freshet-writer'),
        reader: db.uriFor('freshet-reader'),
        delivery: db.deliveryUri(),
        auditor: db.uriFor('freshet-auditor'),
      },
      database,
      collections,
      token,
      tokenKeyFile: state.file(tokenKeyFile),
    }
    await announcement.publish(running)
    if (sampleMode === 'not requested')
      say('No sample data is written to your own database; use --sample to write it.')
    const { json, text } = describeRun(running, withChat ? chat.url : undefined)
    context.print(config.json ? json : [text, ...externalAccessNote(config.host)].join('\n'))
    await untilAborted(ended.signal)
  }
  await lifecycle.stop()
  return failure === undefined ? 'stopped' : 'failed'
}

/** An existing database gets sample data only on request: its address may come from a forgotten variable. */
function sampleModeFor({ sample, noSample, collections }: DevConfig, externalUri: string | undefined) {
  if (noSample || collections !== undefined) return 'none'
  return externalUri === undefined || sample ? 'written' : 'not requested'
}

/** `reader 1`, `reader 2`, … */
const namesOf = (name: string, services: number): readonly string[] =>
  Array.from({ length: services }, (_, at) => `${name} ${at + 1}`)

/** The writer refers GET requests to the first reader, if its port is fixed. */
function readerUrl({ host, port, readers }: DevConfig): readonly string[] {
  if (port === 0 || readers === 0) return []
  const [address = loopbackOf(host)] = externalHosts(host)
  return [`--reader-url=${urlOf(address, portsAt(port, 1).port)}`]
}

function localEndpoints({ url, managementUrl }: Endpoints): Endpoints {
  return { url: localUrlOf(url), managementUrl }
}

/** A note if other machines can reach the services. */
function externalAccessNote(host: string): readonly string[] {
  const hosts = externalHosts(host)
  if (hosts.length === 0) return []
  return [
    '',
    `Other machines can reach writer, readers and deliveries on the same ports at ${hosts.join(', ')}.`,
    'Collections that are not public require the token.',
  ]
}

function signedToken(state: StateFolder, subject: string, forMs: number): Promise<string> {
  const content = {
    subject,
    roles: [],
    issuer: 'freshet',
    audience: 'freshet',
    forMs,
  }
  return signToken(createPrivateKey(state.secret(tokenKeyFile, newTokenKey)), content)
}

/** Starts and stops several parts concurrently. */
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

/** A log for the terminal. */
function terminalLog(say: (text: string) => void): Log {
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
