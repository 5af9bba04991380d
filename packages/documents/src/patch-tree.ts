import type { JsonValue } from './contract.ts'

/**
 * A stored document as a JSON patch sees it: a tree of values of type `N`, which are changed in place. Each kind of database has
 * one. Names inside objects are those that are stored. Values of the patch are of the same type.
 */
export interface PatchTree<N> {
  readonly root: N
  /** `opaque`: a stored type that JSON cannot represent, and that clients see as an object. */
  readonly kindOf: (node: N) => 'object' | 'array' | 'scalar' | 'opaque'
  /** What clients see. */
  readonly valueOf: (node: N) => JsonValue
  /** The content of a string, `undefined` for other values. For what a patch contains. */
  readonly textOf: (node: N) => string | undefined
  /** What `valueOf` costs in bytes, beyond the size of a patch. */
  readonly readCostOf: (node: N) => number
  /** What clients see of the whole document, id included. */
  readonly wholeValue: () => JsonValue
  /** A copy of a value, with its exact bytes. */
  readonly copyOf: (node: N) => N
  readonly stringOf: (text: string) => N
  /** In bytes. */
  readonly sizeOf: (node: N) => number
  /** Whether objects and arrays nest deeper than `levels`, this one included. */
  readonly isDeeperThan: (node: N, levels: number) => boolean

  readonly member: (object: N, name: string) => N | undefined
  readonly setMember: (object: N, name: string, node: N) => void
  readonly deleteMember: (object: N, name: string) => void
  readonly length: (array: N) => number
  readonly item: (array: N, index: number) => N | undefined
  readonly setItem: (array: N, index: number, node: N) => void
  readonly insertItem: (array: N, index: number, node: N) => void
  readonly deleteItem: (array: N, index: number) => void

  /** The stored name of a member of the root. */
  readonly storedName: (name: string) => string
  /** Why clients may not give an object a member of this stored name. */
  readonly nameFault: (object: N, name: string) => string | undefined
  /** Gives the root the members of an object and no others, apart from the id. */
  readonly replaceMembers: (object: N) => void
  /** The first value that would be lost if the document were replaced as a whole. */
  readonly firstNotPlain: () => { readonly pointer: string; readonly detail: string } | undefined
  /** Called after each change that may make the document larger. @throws {BodyError} payload-too-large */
  readonly expectSize: () => void
}
