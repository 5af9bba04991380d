export { currentCause } from './cause.ts'
export type { Cause, Written } from './cause.ts'
export { ChangeHandlers } from './change-handlers.ts'
export type { ChangeHandlersParts, HandlerOptions } from './change-handlers.ts'
export type {
  ChangeHandler,
  HandlerContext,
  HandlerRefusal,
  HandlerRefusalReason,
  HandlerStatus,
  HeardChange,
  WriteAllowance,
} from './contract.ts'
export { someId } from './echoes.ts'
export { failures, HandlerError } from './errors.ts'
export type { HandlerErrorCode } from './errors.ts'
export { handlerMetrics } from './handler-metrics.ts'
export type { HandlerRuns } from './handler-runs.ts'
export { isHttpOrigin } from './lineage-fetch.ts'
export type { BucketLimits } from './breaker-bucket.ts'
