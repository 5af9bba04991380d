import { defaultReplicaOptions } from '@freshet/replica'
import { openApp, packageVersion, type OpenApp, type OpenAppOptions } from '@freshet/service'
import { getHeapStatistics } from 'node:v8'
import { openBackend } from './backend/backend.ts'
import type { ReaderApp } from './reader-app.ts'
import type { Reader } from './reader-handler.ts'
import { readerService } from './reader-service.ts'

/** A reader that runs inside another program; mount it by `readerHandler`. */
export interface OpenReader extends Reader, Omit<OpenApp<ReaderApp>, 'app'> {}

/** The reader as a program of its own and another program open it. */
export function systemReader(): ReturnType<typeof readerService> {
  return readerService({
    version: packageVersion(import.meta.url),
    heapBytes: getHeapStatistics().heap_size_limit,
    aliveWithinMs: defaultReplicaOptions.aliveWithinMs,
    open: openBackend,
  })
}

/**
 * Opens a reader without ports of its own, and resolves when it can answer. `readerHandler(reader)` answers requests.
 * @throws {ConfigError} a setting or a collection file is wrong, or the user of the database may do more than read. An
 *   `Error`: it was not ready in time.
 */
export async function openReader(options: OpenAppOptions): Promise<OpenReader> {
  const { app, ...rest } = await openApp(systemReader(), options)
  return { ...app.reader, ...rest }
}
