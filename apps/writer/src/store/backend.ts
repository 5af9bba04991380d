import type { ConfigOf } from '@freshet/kit'
import type { Backend, BackendSettings, BackendTools } from './contract.ts'
import { mongodbOptions, openMongodb } from './mongodb/open.ts'

/** Which collections the database has none of to serve. */
export { storedNameFault } from '@freshet/mongodb-rules'

/** The options that only this kind of database has. */
export const backendOptions = mongodbOptions

/** Opens the database that is written to. This file alone chooses its kind. @throws {ConfigError} */
export function openBackend(
  config: ConfigOf<typeof backendOptions> & BackendSettings,
  tools: BackendTools,
): Backend {
  return openMongodb(config, tools)
}
