export { handlerMetrics, HandlerError } from '@freshet/handlers'
export type {
  BucketLimits,
  ChangeHandler,
  HandlerContext,
  HandlerErrorCode,
  HandlerOptions,
  HandlerRefusal,
  HandlerRefusalReason,
  HandlerStatus,
  HeardChange,
  WriteAllowance,
} from '@freshet/handlers'
export {
  ABSENT,
  BUFFER_OVERHEAD_BYTES,
  bufferBytes,
  defaultReplicaOptions,
  failures,
  ownBuffer,
  ReplicaError,
  textBytes,
} from '@freshet/replica'
export type {
  Absent,
  Answer,
  ChangedDocument,
  Notification,
  Encoder,
  ReadOptions,
  Replica,
  ReplicaErrorCode,
  ReplicaOptions,
  ReplicaState,
  ReplicaStatus,
  Value,
  Via,
} from '@freshet/replica'
export { asDocuments } from './mongodb/as-documents.ts'
export type { StoredDocument } from './mongodb/as-documents.ts'
export type { EmbeddedReplica } from './contract.ts'
export { openReplica } from './open-replica.ts'
export type { OpenReplicaOptions } from './open-replica.ts'
export { asRows } from './postgres/as-rows.ts'
export type { FrozenJson, StoredRow } from './postgres/as-rows.ts'
export { watchWrites } from './mongodb/watch-writes.ts'
