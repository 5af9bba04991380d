import type { Id, Position, SourceId } from '@freshet/protocol'

/** What one call asks for. */
export interface Asked {
  readonly collection: string
  readonly ids: readonly Id[]
  readonly keys: readonly string[]
  readonly floor: Position
  readonly source: SourceId | undefined
}
