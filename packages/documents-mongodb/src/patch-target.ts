import type { BsonNode } from './tree.ts'

/** Where an operation acts: on the whole document, on its id, or on a member or an item of a container. */
export type Target = { readonly kind: 'whole' } | { readonly kind: 'id' } | Place

/** The container, and the last name of the way. */
export interface Place {
  readonly kind: 'place'
  /** The member of the operation that says it. */
  readonly key: 'path' | 'from'
  readonly pointer: string
  /** How many containers the place is inside of. */
  readonly levels: number
  readonly parent: BsonNode
  /** As it is stored. */
  readonly name: string
}

/** What is there now. */
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
