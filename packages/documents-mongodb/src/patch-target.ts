import type { BsonNode } from './tree.ts'

/** What an operation acts on: the whole document, its id, or a member or item of a container. */
export type Target = { readonly kind: 'whole' } | { readonly kind: 'id' } | Place

/** A container and the last token of the pointer. */
export interface Place {
  readonly kind: 'place'
  /** The member of the operation that contains the pointer. */
  readonly key: 'path' | 'from'
  readonly pointer: string
  /** Number of containers around the place. */
  readonly levels: number
  readonly parent: BsonNode
  /** As stored. */
  readonly name: string
}

/** The current value. */
export function nodeAt({ parent, name }: Place): BsonNode | undefined {
  const { members } = parent
  if (!parent.isArray) return members.get(name)
  const index = indexIn(name, members.length - 1)
  return index === undefined ? undefined : members.at(index)
}

/** RFC 6901: digits without leading zeros. */
export function indexIn(name: string, max: number): number | undefined {
  const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : Number.NaN
  return index <= max ? index : undefined
}
