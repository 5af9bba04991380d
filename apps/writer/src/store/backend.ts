import type { ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'

/** Why the database cannot have a collection of this name, if so. */
export { storedNameFault } from '@freshet/mongodb-rules'

/** Options specific to this kind of database. */
export const backendOptions = mongodbOptions

/** Opens the database to write to. Only this file chooses its kind. @throws {ConfigError} */
export function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Backend {
  return openMongodb(config, tools)
}
