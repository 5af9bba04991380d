export type * from './change.ts'
export {
  after,
  before,
  formatSourcePosition,
  highOf,
  lowOf,
  parsePosition,
  parseSourceId,
  parseSourcePosition,
  POSITION_NEVER,
  POSITION_ZERO,
  positionOf,
} from './position.ts'
export type { Position, SourceId, SourcePosition } from './position.ts'
export { placeOf, placesOf } from './collection-place.ts'
export type { CollectionPlace, StoredCollection, StoredNameFault } from './collection-place.ts'
export { matchesStrong, matchesWeak, readCondition } from './conditions.ts'
export type { Condition } from './conditions.ts'
export { headers } from './headers.ts'
export { badIdDetail, isId, isValidId } from './id-form.ts'
export { MAX_KEY_LENGTH, readIdempotencyKey } from './idempotency-key.ts'
export {
  describeLineage,
  formatLineage,
  isHandlerName,
  MAX_HOPS,
  noLineage,
  parseLineage,
  serviceOf,
} from './lineage.ts'
export type { Hop, Lineage } from './lineage.ts'
export { loopFault } from './loop.ts'
export type { LoopFault } from './loop.ts'
export { MAX_WAIT_S, readPrefer } from './prefer.ts'
export type { Preferences } from './prefer.ts'
export { problemBody, ProblemError, problemType } from './problem.ts'
export type { ProblemBody, ProblemOptions, ProblemPlace, RefusalOptions } from './problem.ts'
export { problems } from './problems.ts'
export type { ProblemKind } from './problem-kind.ts'
export type { ProblemCode } from './problems.ts'
export { readIds, readQuery } from './query.ts'
