import { defaultReplicaOptions } from '@freshet/replica'
import { openApp, packageVersion, type OpenApp, type OpenAppOptions } from '@freshet/service'
import { getHeapStatistics } from 'node:v8'
import { openBackend } from './backend/backend.ts'
import type { ReaderApp } from './reader-app.ts'
import type { Reader } from './reader-handler.ts'
import { readerService } from './reader-service.ts'

/** A reader embedded in another program; mount it with `readerHandler`. */
export interface OpenReader extends Reader, Omit<OpenApp<ReaderApp>, 'app'> {}

/** The reader with the defaults of this process, for the service and for embedding. */
export function systemReader(): ReturnType<typeof readerService> {
  return readerService({
    version: packageVersion(import.meta.url),
    heapBytes: getHeapStatistics().heap_size_limit,
    aliveWithinMs: defaultReplicaOptions.aliveWithinMs,
    open: openBackend,
  })
}

/**
 * Opens a reader without ports, and resolves when it is ready. Mount it with `readerHandler(reader)`.
 * @throws {ConfigError} a setting or collection file is wrong, or the database user may write. @throws {Error} not
 * ready in time.
 */
export async function openReader(options: OpenAppOptions): Promise<OpenReader> {
  const { app, ...rest } = await openApp(systemReader(), options)
  return { ...app.reader, ...rest }
}
