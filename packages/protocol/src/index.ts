export type * from './change.ts'
export {
  before,
  formatSourcePosition,
  highOf,
  lowOf,
  parsePosition,
  parseSourceId,
  parseSourcePosition,
  POSITION_ZERO,
  positionOf,
} from './position.ts'
export type { Position, SourceId, SourcePosition } from './position.ts'
