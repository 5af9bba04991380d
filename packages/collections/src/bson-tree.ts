import { bsonSize, bsonTypes, nameEnd, uint32At } from '@freshet/protocol'
import { BsonBytes } from './bson-bytes.ts'

/**
 * A value of BSON. It stays the bytes that it is until somebody looks inside, so that what a patch does not touch is
 * written back as it came.
 */
export class BsonNode {
  readonly type: number
  readonly #raw: Uint8Array
  #members: Members | undefined

  constructor(type: number, raw: Uint8Array) {
    this.type = type
    this.#raw = raw
  }

  /** A whole document, or an array given as one. */
  static root(bytes: Uint8Array, type: number = bsonTypes.document): BsonNode {
    return new BsonNode(type, bytes)
  }

  get isDocument(): boolean {
    return this.type === bsonTypes.document
  }

  get isArray(): boolean {
    return this.type === bsonTypes.array
  }

  /** What is inside; changing it changes the node. */
  get members(): Members {
    this.#members ??= new Members(this.isArray, this.#raw)
    return this.#members
  }

  /** The bytes of the value alone, without type and name. */
  toBytes(): Uint8Array {
    if (this.#members === undefined) return this.#raw
    const out = new BsonBytes()
    const mark = out.open()
    for (const [name, node] of this.#members.entries()) {
      const bytes = node.toBytes()
      out.byte(node.type)
      out.utf8(name)
      out.byte(0)
      out.raw(bytes, 0, bytes.length)
    }
    out.close(mark)
    return out.copy()
  }
}

/** The members of a document by name, or of an array by place. */
export class Members {
  readonly #array: boolean
  readonly #names: string[] = []
  readonly #nodes: BsonNode[] = []

  constructor(array: boolean, raw: Uint8Array) {
    this.#array = array
    const end = Math.min(uint32At(raw, 0), raw.length) - 1
    for (let at = 4; at < end;) {
      const type = raw[at] ?? 0
      const stop = nameEnd(raw, at + 1)
      const size = bsonSize(type, raw, stop + 1)
      if (size < 0) throw new RangeError(`expected BSON at byte ${at}, got the type 0x${type.toString(16)}`)
      this.#names.push(Buffer.from(raw.buffer, raw.byteOffset + at + 1, stop - at - 1).toString('utf8'))
      this.#nodes.push(new BsonNode(type, raw.subarray(stop + 1, stop + 1 + size)))
      at = stop + 1 + size
    }
  }

  get length(): number {
    return this.#nodes.length
  }

  /** The first with this name. */
  get(name: string): BsonNode | undefined {
    return this.#nodes[this.#names.indexOf(name)]
  }

  at(index: number): BsonNode | undefined {
    return this.#nodes[index]
  }

  /** Replaces the member of this name, or adds one at the end. */
  set(name: string, node: BsonNode): void {
    const index = this.#names.indexOf(name)
    if (index >= 0) this.#nodes[index] = node
    else {
      this.#names.push(name)
      this.#nodes.push(node)
    }
  }

  setAt(index: number, node: BsonNode): void {
    this.#nodes[index] = node
  }

  /** All of this name. */
  delete(name: string): void {
    for (let index = this.#names.indexOf(name); index >= 0; index = this.#names.indexOf(name))
      this.removeAt(index)
  }

  insert(index: number, node: BsonNode): void {
    this.#names.splice(index, 0, '')
    this.#nodes.splice(index, 0, node)
  }

  removeAt(index: number): void {
    this.#names.splice(index, 1)
    this.#nodes.splice(index, 1)
  }

  *entries(): Iterable<readonly [string, BsonNode]> {
    for (const [index, node] of this.#nodes.entries())
      yield [this.#array ? String(index) : (this.#names[index] ?? ''), node]
  }
}
