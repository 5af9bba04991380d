import type { WriterConfig } from '../options.ts'
import type { Backend } from './contract.ts'
import { openMongodb, type BackendTools } from './mongodb/open.ts'

/** Opens the database that is written to: the one place that chooses its kind. @throws {ConfigError} */
export function openBackend(config: WriterConfig, tools: BackendTools): Backend {
  return openMongodb(config, tools)
}
