import { join } from 'node:path'
import { defineOptions, readConfig, systemClock } from '@freshet/kit'
import { serviceOptions, startService, type RunningService } from '@freshet/service'
import { silentLog } from '@freshet/testkit'
import type { MessageReads } from '../../src/backend/contract.ts'
import { openBackend } from '../../src/backend/backend.ts'
import { readerOptions } from '../../src/options.ts'
import { readerService } from '../../src/reader-service.ts'
import { secret } from './open-reader.ts'

const collections = join(import.meta.dirname, '../../../../collections')

const defaults = ['--port=0', '--management-port=0', '--database=shop', `--collections=${collections}`]

const variableOf = (uri: string): string => {
  if (/^(?:kafka|nats)/.test(uri)) return 'FRESHET_LOG_URI'
  return uri.startsWith('mongodb') ? 'FRESHET_MONGODB_URI' : 'FRESHET_POSTGRES_URI'
}

/** A complete reader with a real database, as in production. */
export function startReader(
  uri: string,
  argv: readonly string[],
  /** Replaces how messages are read. */
  change: (reads: MessageReads) => MessageReads = (reads) => reads,
): Promise<RunningService> {
  return startService({
    definition: readerService({
      version: '0.0.0',
      heapBytes: 2 ** 30,
      aliveWithinMs: 2_000,
      open: async (config, tools) => {
        const backend = await openBackend(config, tools)
        return { ...backend, messages: backend.messages && change(backend.messages) }
      },
    }),
    config: readConfig(defineOptions({ ...serviceOptions, ...readerOptions }), {
      argv: [
        ...defaults.filter((one) => !argv.some((other) => other.startsWith(one.replace(/=.*/, '=')))),
        ...argv,
      ],
      env: {
        FRESHET_TOKEN_SECRET: secret,
        [variableOf(uri)]: uri,
      },
      readFile: () => '',
    }),
    log: silentLog,
    clock: systemClock,
    signal: new AbortController().signal,
  })
}
