import { GuardError } from '@freshet/guard'
import { Backoff, ConfigError, type Part } from '@freshet/kit'
import type { Replica } from '@freshet/replica'
import type { ServiceConfig, ServiceDefinition, ServiceTools } from '@freshet/service'
import { checkHeap } from './heap.ts'
import type { CachedDocument } from './cached-document.ts'
import { readerOptions, type ReaderConfig } from './options.ts'
import { readerApp, type GuardWord, type ReaderApp } from './reader-app.ts'
import type { ReadAccess } from './routes.ts'

/** What the HTTP door stands before. */
export interface Backend {
  readonly replica: Replica<CachedDocument>
  readonly access: ReadonlyMap<string, ReadAccess>
  readonly guard: () => GuardWord
  /** What must run before the replica and be stopped after it. */
  readonly parts: readonly Part[]
}

/** What is different from process to process. */
export interface ReaderServiceParts {
  readonly version: string
  /** Where the heap of JavaScript ends. */
  readonly heapBytes: number
  readonly aliveWithinMs: number
  /** In [0, 1). */
  readonly random: () => number
  /** @throws {ConfigError} or a `GuardError`; nothing is left open then. */
  readonly open: (config: ReaderConfig, tools: ServiceTools) => Promise<Backend>
}

/** The reader as `runService` wants it. */
export function readerService(parts: ReaderServiceParts): ServiceDefinition<typeof readerOptions, ReaderApp> {
  return {
    role: 'reader',
    version: parts.version,
    says: 'Answers reads from memory, exactly as the database was at the position that each answer names.',
    options: readerOptions,
    build: async (config, tools) => {
      checkHeap(config.cacheBytes, parts.heapBytes)
      const { parts: before, ...backend } = await opened(parts, config, tools)
      const { fillWaitMs, unreadyAfterMs } = config
      const { aliveWithinMs } = parts
      const tokens = tokensLayer(config)
      if (tokens === 'absent')
        tools.log.warn(
          {},
          'whoever takes over this reader can write through the writer: give it public keys for tokens',
        )
      const guard = (): GuardWord => {
        const word = backend.guard()
        return { ...word, layers: { ...word.layers, tokens } }
      }
      return readerApp({ ...backend, guard, before, fillWaitMs, unreadyAfterMs, aliveWithinMs }, tools)
    },
  }
}

/** `standing`: what this process verifies tokens with signs none, so it cannot speak for a caller to the writer. */
function tokensLayer({ tokenSecret, noTokens }: ServiceConfig): 'standing' | 'absent' {
  return tokenSecret === undefined && !noTokens ? 'standing' : 'absent'
}

/** A database that is away is asked for again: an outage during a roll-out must not end the new processes. */
const PAUSES = { firstMs: 1_000, maxMs: 10_000 } as const

/** A start that cannot succeed by trying again, as with a user who may write, is the configuration's fault. */
async function opened(
  { open, random }: ReaderServiceParts,
  config: ReaderConfig,
  tools: ServiceTools,
): Promise<Backend> {
  const { log, clock, signal } = tools
  const pauses = new Backoff(PAUSES, random)
  for (;;) {
    try {
      return await open(config, tools)
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      if (!error.retry)
        throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}. ${error.remedy}`, {
          cause: error,
        })
      log.warn({ err: error }, 'the database is not there, trying again')
      await clock.sleep(pauses.next(), signal)
      signal.throwIfAborted()
    }
  }
}
