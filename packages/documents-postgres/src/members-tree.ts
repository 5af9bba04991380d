import { nameFault, type JsonValue, type PatchRules, type PatchTree } from '@freshet/documents'
import {
  deeperThan,
  inexactFault,
  isMembers,
  Scalar,
  textOf,
  treeOf,
  valueOf,
  type JsonMembers,
  type JsonNode,
} from './json-tree.ts'

/** A document of PostgreSQL as a JSON patch sees it. @param root its members without the id */
export function membersTree(root: JsonMembers, { id }: PatchRules): PatchTree<JsonNode> {
  const sizeOf = (node: JsonNode): number => textOf(node).length
  return {
    root,
    kindOf: (node) => {
      if (isMembers(node)) return 'object'
      return Array.isArray(node) ? 'array' : 'scalar'
    },
    valueOf,
    textOf: (node) => {
      const value = node instanceof Scalar ? valueOf(node) : undefined
      return typeof value === 'string' ? value : undefined
    },
    // A number may have far more digits than the tested value.
    readCostOf: sizeOf,
    wholeValue: () => {
      const members: JsonValue = valueOf(root)
      return Object.assign({ id }, members)
    },
    copyOf: (node) => treeOf(textOf(node)),
    stringOf: (text) => new Scalar(JSON.stringify(text)),
    sizeOf,
    isDeeperThan: deeperThan,

    member: (object, name) => membersIn(object).get(name),
    setMember: (object, name, node) => void membersIn(object).set(name, node),
    deleteMember: (object, name) => void membersIn(object).delete(name),
    length: (array) => itemsIn(array).length,
    item: (array, index) => itemsIn(array)[index],
    setItem: (array, index, node) => void (itemsIn(array)[index] = node),
    insertItem: (array, index, node) => void itemsIn(array).splice(index, 0, node),
    deleteItem: (array, index) => void itemsIn(array).splice(index, 1),

    storedName: (name) => name,
    nameFault: (_object, name) => nameFault(name, false),
    replaceMembers: (object) => {
      root.clear()
      for (const [name, inner] of membersIn(object)) root.set(name, inner)
    },
    firstNotPlain: () => inexactFault(root),
    // Only the finished text has a size; what is copied is limited.
    expectSize: () => undefined,
  }
}

function membersIn(node: JsonNode): JsonMembers {
  if (isMembers(node)) return node
  throw new TypeError('expected an object')
}

function itemsIn(node: JsonNode): JsonNode[] {
  if (Array.isArray(node)) return node
  throw new TypeError('expected an array')
}
