import type { JsonValue, PatchTree } from '@freshet/documents'
import { nameFault } from './body-scan.ts'
import { encodeJson, encodeValue, storedName } from './encode-json.ts'
import { plainFault } from './not-plain.ts'
import { expectSize } from './patch-rules.ts'
import { BsonNode } from './tree.ts'

/** A document of MongoDB as a JSON patch sees it. */
export function bsonTree(root: BsonNode): PatchTree<BsonNode> {
  return {
    root,
    kindOf: (node) => {
      if (node.isDocument) return 'object'
      if (node.isArray) return 'array'
      const shown = encodeValue(node)
      return typeof shown === 'object' && shown !== null ? 'opaque' : 'scalar'
    },
    valueOf: (node) => encodeValue(node),
    textOf: ({ text }) => text,
    // A `test` that fails ends the patch, and one that succeeds has the same value.
    readCostOf: () => 0,
    wholeValue: () => {
      const whole: JsonValue = JSON.parse(encodeJson(root.toBytes()).toString('utf8'))
      return whole
    },
    copyOf: (node) => new BsonNode(node.type, node.toBytes()),
    stringOf: (text) => BsonNode.text(text),
    sizeOf: ({ byteLength }) => byteLength,
    isDeeperThan: (node, levels) => node.deeperThan(levels),

    member: ({ members }, name) => members.get(name),
    setMember: ({ members }, name, node) => members.set(name, node),
    deleteMember: ({ members }, name) => members.delete(name),
    length: ({ members }) => members.length,
    item: ({ members }, index) => members.at(index),
    setItem: ({ members }, index, node) => members.setAt(index, node),
    insertItem: ({ members }, index, node) => members.insert(index, node),
    deleteItem: ({ members }, index) => members.removeAt(index),

    storedName,
    nameFault: (object, name) => {
      // A stored top-level `id` is `$id` to clients, so check the name they used.
      const bytes = Buffer.from(object === root && name === 'id' ? '$id' : name)
      return nameFault(bytes, 0, bytes.length, false)
    },
    replaceMembers: ({ members }) => {
      root.members.keepOnly('_id')
      for (const [name, inner] of members.entries()) root.members.push(storedName(name), inner)
    },
    firstNotPlain: () => plainFault(root.toBytes()),
    expectSize: () => expectSize(root),
  }
}
