import { bsonTypes, deeperThan } from '@freshet/bson'
import { Members, type TreeNode } from './members.ts'

/**
 * A BSON value. Keeps its original bytes until something inside changes, so a patch writes untouched values back
 * unchanged. A node has at most one parent; inserting it elsewhere detaches it.
 */
export class BsonNode implements TreeNode<BsonNode> {
  readonly type: number
  readonly #raw: Uint8Array
  #members: Members<BsonNode> | undefined
  #parent: BsonNode | undefined
  #bytes: number
  #changed = false

  constructor(type: number, raw: Uint8Array) {
    this.type = type
    this.#raw = raw
    this.#bytes = raw.length
  }

  /** A whole document, or an array encoded as one. */
  static root(bytes: Uint8Array, type: number = bsonTypes.document): BsonNode {
    return new BsonNode(type, bytes)
  }

  static text(text: string): BsonNode {
    const raw = Buffer.alloc(4 + Buffer.byteLength(text) + 1)
    raw.writeInt32LE(raw.length - 4, 0)
    raw.write(text, 4)
    return new BsonNode(bsonTypes.string, raw)
  }

  get isDocument(): boolean {
    return this.type === bsonTypes.document
  }

  get isArray(): boolean {
    return this.type === bsonTypes.array
  }

  /** Size of the value, without type and name. Maintained on change, so constant time. */
  get byteLength(): number {
    return this.#bytes
  }

  /** The contents; changing them changes the node. The first access scans the names once. */
  get members(): Members<BsonNode> {
    this.#members ??= new Members(this, this.#raw, (type, raw) => new BsonNode(type, raw))
    return this.#members
  }

  /** The content of a string, `undefined` for other types. */
  get text(): string | undefined {
    if (this.type !== bsonTypes.string) return undefined
    return Buffer.from(this.#raw.buffer, this.#raw.byteOffset + 4, this.#raw.length - 5).toString('utf8')
  }

  /** Whether objects and arrays nest deeper than `levels`, this one included. Materializes nothing. */
  deeperThan(levels: number): boolean {
    if (!this.isDocument && !this.isArray) return false
    if (levels <= 0) return true
    return this.#members?.deeperThan(levels - 1) ?? deeperThan(this.#raw, 0, levels)
  }

  moveTo(parent: BsonNode | undefined): void {
    this.#parent = parent
  }

  grow(byBytes: number): void {
    this.#changed = true
    this.#bytes += byBytes
    this.#parent?.grow(byBytes)
  }

  /** The bytes of the value. Copied only if something inside changed. */
  toBytes(): Uint8Array {
    if (!this.#changed) return this.#raw
    const bytes = Buffer.allocUnsafeSlow(this.#bytes)
    this.writeTo(bytes, 0)
    return bytes
  }

  writeTo(out: Buffer, at: number): number {
    if (!this.#changed) {
      out.set(this.#raw, at)
      return at + this.#raw.length
    }
    const end = this.members.writeTo(out, at + 4)
    out[end] = 0
    out.writeInt32LE(end + 1 - at, at)
    return end + 1
  }
}
