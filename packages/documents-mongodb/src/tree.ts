import { bsonTypes, deeperThan } from '@freshet/bson'
import { Members, type TreeNode } from './members.ts'

/**
 * A value of BSON. It stays the bytes that it is until somebody changes something inside, so that what a patch does not
 * touch is written back as it came. A node has one parent at most: what is put somewhere else leaves its old place.
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

  /** A whole document, or an array given as one. */
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

  /** Bytes of the value alone, without type and name. Kept up to date by every change inside, so asking is free. */
  get byteLength(): number {
    return this.#bytes
  }

  /** What is inside; changing it changes the node. Costs one pass over the names, once. */
  get members(): Members<BsonNode> {
    this.#members ??= new Members(this, this.#raw, (type, raw) => new BsonNode(type, raw))
    return this.#members
  }

  /** The characters of a text; `undefined` for a value of another type. */
  get text(): string | undefined {
    if (this.type !== bsonTypes.string) return undefined
    return Buffer.from(this.#raw.buffer, this.#raw.byteOffset + 4, this.#raw.length - 5).toString('utf8')
  }

  /** Whether objects and arrays stand inside each other more than so many times; this one counts. Opens nothing. */
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

  /** The bytes of the value alone; its own only when something inside was changed. */
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
