/** The reader itself: service, tokens, handler and cache, without a database. */
import { readConfig, systemClock } from '@freshet/kit'
import { readerApp } from '@freshet/reader'
import { serviceOptions, startService } from '@freshet/service'
import { CachedReplica } from './cached-replica.ts'
import { collection, documents, idOf, jsonOf, secret } from './world.ts'

const bodyBytes = Number(process.argv[2])
const weighed = 100_000

const silent = (): void => undefined
const replica = new CachedReplica()
let moves = 1
setInterval(() => replica.move(++moves), 100).unref()
replica.move(moves)

function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Overhead of a cache entry, without its document. */
function overheadBytes(): number {
  const heavy = new CachedReplica()
  const before = usedBytes()
  for (let index = 0; index < weighed; index++)
    heavy.hold(`${collection}/${idOf(index)}`, jsonOf(index, bodyBytes))
  const after = usedBytes()
  // Keeps it reachable until it was measured.
  heavy.move(1)
  return (after - before) / weighed - bodyBytes
}

async function listen(): Promise<object> {
  const entryOverheadBytes = bodyBytes <= 2_000 ? overheadBytes() : undefined
  for (let index = 0; index < documents; index++)
    replica.hold(`${collection}/${idOf(index)}`, jsonOf(index, bodyBytes))
  const service = await startService({
    definition: {
      role: 'reader',
      version: '0.0.0',
      description: '',
      options: {},
      build: (_config, tools) =>
        readerApp(
          {
            replica,
            access: new Map([[collection, 'authenticated']]),
            guard: () => ({ layers: {}, fault: undefined, refusals: {}, renewals: 0 }),
            fillWaitMs: 1_000,
            aliveWithinMs: 2_000,
            unreadyAfterMs: undefined,
            before: [],
          },
          tools,
        ),
    },
    config: readConfig(serviceOptions, {
      argv: ['--port=0', '--management-port=0'],
      env: { FRESHET_TOKEN_SECRET: secret },
      readFile: () => '',
    }),
    log: { debug: silent, info: silent, warn: silent, error: silent },
    clock: systemClock,
    signal: new AbortController().signal,
  })
  return { port: Number(new URL(service.url).port), entryOverheadBytes }
}

process.on('message', (question: { readonly listen?: boolean }) => {
  if (question.listen) void listen().then((answer) => process.send?.(answer))
  else process.send?.(process.cpuUsage())
})
