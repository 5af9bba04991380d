// G1.7 fails without this file: the package exports the driver's client.
export { Binary, BSON, Long, ObjectId, Timestamp, UUID } from 'mongodb'
export { allowedCommands } from './allowed-commands.ts'
export { serverOf } from './vetoing-connection.ts'
export type {
  GuardedConnection,
  PinnedConnection,
  PinnedRunOptions,
  PinOptions,
  ReadCommand,
  ReadCommandName,
  ReadConnection,
  ReadPipeline,
  ReadSession,
  ReadStage,
  RunOptions,
} from './contract.ts'
export { failures, GuardError } from './errors.ts'
export type { GuardErrorCode } from './errors.ts'
export { examine } from './examine.ts'
export type { Examination, GrantFinding, LayerFinding } from './examine.ts'
export { openReadConnection } from './open.ts'
export { isUnauthorized } from './preflight.ts'
export type { OpenOptions } from './open.ts'
export type { Refusal, RefusalReason } from './refusals.ts'
export type { GuardStatus } from './status.ts'
