import { ConfigError } from '@freshet/kit'
import type { GuardReport, ServiceConfig, ServiceDefinition, ServiceTools } from '@freshet/service'
import type { Backend } from './backend/contract.ts'
import { CACHE_SHARE } from './heap.ts'
import { readerOptions, type ReaderConfig } from './options.ts'
import { readerApp, type ReaderApp } from './reader-app.ts'

/** Parts that differ between processes. */
export interface ReaderServiceParts {
  readonly version: string
  /** The V8 heap limit. */
  readonly heapBytes: number
  readonly aliveWithinMs: number
  /** Opens the backend; may wait for the database. @throws {ConfigError} nothing is left open. */
  readonly open: (config: ReaderConfig, tools: ServiceTools) => Promise<Backend>
}

/** The service definition of the reader. */
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
          'a compromised reader could sign tokens and write through the writer: configure public keys instead',
        )
      const guard = (): GuardReport => {
        const report = backend.guard()
        return { ...report, layers: { ...report.layers, tokens } }
      }
      return readerApp({ ...backend, guard, before, fillWaitMs, unreadyAfterMs, aliveWithinMs }, tools)
    },
  }
}

/** `standing`: this process can verify tokens but not sign them, so it cannot impersonate a caller to the writer. */
function tokensLayer({ tokenSecret, noTokens }: ServiceConfig): 'standing' | 'absent' {
  return tokenSecret === undefined && !noTokens ? 'standing' : 'absent'
}

const MiB = 2 ** 20

/**
 * Checks that the cache takes at most three quarters of the heap: running out of heap crashes the process. @throws
 * {ConfigError}
 */
function checkHeap(cacheBytes: number, heapBytes: number): void {
  if (cacheBytes <= heapBytes * CACHE_SHARE) return
  const required = Math.ceil(cacheBytes / CACHE_SHARE / MiB)
  throw new ConfigError(
    'CONFLICT',
    `--cache-size is ${Math.round(cacheBytes / MiB)}MiB, but the heap limit is ` +
      `${Math.round(heapBytes / MiB)}MiB: start Node.js with --max-old-space-size=${required} or more.`,
  )
}
