import type { ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'

/** The options that only this kind of database has. */
export const backendOptions = mongodbOptions

/**
 * Opens the database that is read; waits for it where it is away. This file alone chooses its kind.
 * @throws {ConfigError} nothing is left open then.
 */
export function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  return openMongodb(config, tools)
}
