export type { Asked, Seen } from './ask-host.ts'
export { connectorFor } from './connector.ts'
export type { Connector, Settings } from './connector.ts'
export { PoolerError, PrimaryError } from './errors.ts'
