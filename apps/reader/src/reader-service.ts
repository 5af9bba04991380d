import { GuardError } from '@freshet/guard'
import { ConfigError, type Part } from '@freshet/kit'
import type { Replica } from '@freshet/replica'
import type { ServiceDefinition, ServiceTools } from '@freshet/service'
import { checkHeap } from './heap.ts'
import type { Held } from './held.ts'
import { readerOptions, type ReaderConfig } from './options.ts'
import { readerApp, type GuardWord } from './reader-app.ts'
import type { ReadAccess } from './readers.ts'

/** What the HTTP door stands before. */
export interface Ground {
  readonly replica: Replica<Held>
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
  /** @throws {ConfigError} or a `GuardError`; nothing is left open then. */
  readonly open: (config: ReaderConfig, tools: ServiceTools) => Promise<Ground>
}

/** The reader as `runService` wants it. */
export function readerService(parts: ReaderServiceParts): ServiceDefinition<typeof readerOptions> {
  return {
    role: 'reader',
    version: parts.version,
    says: 'Answers reads from memory, exactly as the database was at the position that each answer names.',
    options: readerOptions,
    build: async (config, tools) => {
      checkHeap(config.cacheBytes, parts.heapBytes)
      const { parts: before, ...ground } = await openGround(parts, config, tools)
      const { fillWaitMs, unreadyAfterMs } = config
      const { aliveWithinMs } = parts
      return readerApp({ ...ground, before, fillWaitMs, unreadyAfterMs, aliveWithinMs }, tools)
    },
  }
}

/** A start that cannot succeed by trying again, as with a user who may write, is the configuration's fault. */
async function openGround(
  { open }: ReaderServiceParts,
  config: ReaderConfig,
  tools: ServiceTools,
): Promise<Ground> {
  try {
    return await open(config, tools)
  } catch (error) {
    if (!(error instanceof GuardError) || error.retry) throw error
    throw new ConfigError('BAD_VALUE', `--mongodb-uri-file: ${error.message}. ${error.remedy}`, {
      cause: error,
    })
  }
}
