import { readConfig, systemClock } from '@freshet/kit'
import { serviceOptions, startService } from '@freshet/service'
import { silentLog } from '@freshet/testkit'
import { randomUUID } from 'node:crypto'
import type { RawData } from 'ws'
import {
  Delivery,
  deliveryApp,
  deliveryOptions,
  handshake,
  LagMeter,
  type DeliveryAppParts,
  type DeliveryConfig,
  type WebSocketLike,
} from '../../src/index.ts'
import { FakeReads } from './bench.ts'
import { ScriptedFeed } from './scripted-feed.ts'
import { PlainTickets, PlainTokens } from './tokens.ts'

/** What a web-socket of npm `ws` received, as text. */
export function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : ''
}

/** The test drives the feed itself. */
const scriptedPart: DeliveryAppParts['feed'] = {
  name: 'feed',
  start: () => undefined,
  stop: () => undefined,
  unready: () => undefined,
  status: () => ({
    state: 'live',
    position: undefined,
    lagSeconds: undefined,
    ageMs: undefined,
    aliveAgeMs: undefined,
    restarts: 0,
    breaks: {},
    unreadable: {},
  }),
}

/** The service on a real port, with real web-sockets and event streams, over a feed that the test writes. */
export async function openServer(changed: Partial<DeliveryConfig> = {}, feed = new ScriptedFeed()) {
  const reads = new FakeReads()
  const config = { ...readConfig(deliveryOptions, { argv: [], env: {}, readFile: () => '' }), ...changed }
  const tokens = new PlainTokens(() => Date.now())
  const tickets = new PlainTickets()
  const delivery = new Delivery({
    config,
    reads,
    tokens,
    clock: systemClock,
    log: silentLog,
    defer: setImmediate,
    random: Math.random,
    newId: randomUUID,
    node: 'node-1',
    version: '0.0.0',
    lag: new LagMeter(),
  })
  feed.follow(delivery)
  const accept = handshake()
  const sockets = new Set<WebSocketLike>()
  /** The first messages of clients, as they came. */
  const connects: string[] = []
  const pongs: string[] = []
  const flags = [
    '--port',
    '0',
    '--management-port',
    '0',
    '--host',
    '127.0.0.1',
    '--no-tokens',
    '--drain',
    '0',
  ]
  const service = await startService({
    definition: {
      role: 'delivery',
      version: '0.0.0',
      description: '',
      options: {},
      build: (_, tools) =>
        deliveryApp(
          {
            delivery,
            config,
            tokens,
            tickets,
            random: Math.random,
            feed: scriptedPart,
            guard: () => ({ layers: {}, fault: undefined, refusals: {}, renewals: 0 }),
            before: [],
            origins: [],
            handshake: (call, onOpen) =>
              accept(call, (webSocket) => {
                sockets.add(webSocket)
                webSocket.on('close', () => sockets.delete(webSocket))
                let isFirst = true
                webSocket.on('message', (data) => {
                  if (isFirst) connects.push(textOf(data))
                  if (textOf(data) === '{}') pongs.push('{}')
                  isFirst = false
                })
                onOpen(webSocket)
              }),
          },
          tools,
        ),
    },
    config: readConfig(serviceOptions, { argv: flags, env: {}, readFile: () => '' }),
    log: silentLog,
    clock: systemClock,
    signal: new AbortController().signal,
  })
  return {
    feed,
    reads,
    tokens,
    tickets,
    delivery,
    connects,
    pongs,
    url: service.url,
    webSocketUrl: `${service.url.replace('http', 'ws')}/connection/websocket`,
    eventsUrl: `${service.url}/connection/sse`,
    stop: () => service.stop(),
    /** The network breaks. */
    cut: () => {
      for (const socket of sockets) socket.terminate()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate()
      await service.stop()
    },
  }
}
