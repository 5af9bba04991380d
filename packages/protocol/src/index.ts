export {
  headers,
  matchesStrong,
  matchesWeak,
  MAX_KEY_LENGTH,
  MAX_WAIT_S,
  readCondition,
  readIdempotencyKey,
  readPrefer,
} from './headers.ts'
export type { Condition, Preferences } from './headers.ts'
export { endOfJsonString, replaceJsonTokens } from './json-strings.ts'
export {
  describeLineage,
  formatLineage,
  isHandlerName,
  loopFault,
  MAX_HOPS,
  noLineage,
  parseLineage,
  serviceOf,
} from './lineage.ts'
export type { Hop, Lineage, LoopFault } from './lineage.ts'
export { problemBody, ProblemError, problems, problemType } from './problem.ts'
export type {
  ProblemBody,
  ProblemCode,
  ProblemKind,
  ProblemOptions,
  ProblemPlace,
  RefusalOptions,
} from './problem.ts'
export { readIds, readQuery } from './query.ts'
export {
  after,
  badIdDetail,
  before,
  formatSourcePosition,
  highOf,
  isId,
  isValidId,
  lowOf,
  parsePosition,
  parseSourceId,
  parseSourcePosition,
  placeOf,
  placesOf,
  POSITION_NEVER,
  POSITION_ZERO,
  positionOf,
} from './source.ts'
export type {
  Bytes,
  Change,
  CollectionPlace,
  Delete,
  DocumentChange,
  DropCollection,
  Id,
  IdType,
  Invalidate,
  InvalidateAll,
  InvalidateCollection,
  Position,
  SourceId,
  SourcePosition,
  StoredCollection,
  StoredNameFault,
  Upsert,
} from './source.ts'
