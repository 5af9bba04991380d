import type { ServiceConfig, ServiceDefinition, ServiceTools } from '@freshet/service'
import type { Backend, GuardWord } from './backend/contract.ts'
import { checkHeap } from './heap.ts'
import { readerOptions, type ReaderConfig } from './options.ts'
import { readerApp, type ReaderApp } from './reader-app.ts'

/** What is different from process to process. */
export interface ReaderServiceParts {
  readonly version: string
  /** Where the heap of JavaScript ends. */
  readonly heapBytes: number
  readonly aliveWithinMs: number
  /** It may wait for the database. @throws {ConfigError} nothing is left open then. */
  readonly open: (config: ReaderConfig, tools: ServiceTools) => Promise<Backend>
}

/** The reader as `runService` wants it. */
export function readerService(parts: ReaderServiceParts): ServiceDefinition<typeof readerOptions, ReaderApp> {
  return {
    role: 'reader',
    version: parts.version,
    description:
      'Answers reads from memory, exactly as the database was at the position that each answer names.',
    options: readerOptions,
    build: async (config, tools) => {
      checkHeap(config.cacheBytes, parts.heapBytes)
      const { parts: before, ...backend } = await parts.open(config, tools)
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
