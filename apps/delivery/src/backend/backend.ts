import type { ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'

/** Options specific to this backend. */
export const backendOptions = mongodbOptions

/**
 * Opens the backend, waiting until it is reachable. The only file that chooses the kind of database.
 * @throws {ConfigError} nothing is left open.
 */
export function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Promise<Backend> {
  return openMongodb(config, tools)
}
