import { openApp, packageVersion, type OpenApp, type OpenAppOptions } from '@freshet/service'
import { openBackend } from './store/backend.ts'
import type { WriterApp } from './writer-app.ts'
import type { Writer } from './writer-table.ts'
import { writerService } from './writer-service.ts'

/** A writer that runs inside another program; mount it by `writerRouter`. */
export interface OpenWriter extends Writer, Omit<OpenApp<WriterApp>, 'app'> {}

/**
 * Opens a writer without ports of its own, and resolves when it can write. `app.use('/data', writerRouter(writer))` mounts it.
 * @throws {ConfigError} a setting, a collection file or a right is wrong. An `Error`: it was not ready in time.
 */
export async function openWriter(options: OpenAppOptions): Promise<OpenWriter> {
  const version = packageVersion(import.meta.url)
  const { app, ...rest } = await openApp(writerService({ version, open: openBackend }), options)
  return { ...app.writer, ...rest }
}
