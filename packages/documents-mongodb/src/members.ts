import { BsonCursor, bsonTypes, deeperThan, elementEnd, startsAt, valueStart } from '@freshet/bson'

/** What {@link Members} needs from the nodes it contains and from its owner. */
export interface TreeNode<N> {
  readonly type: number
  /** Size of the value, without type and name. */
  readonly byteLength: number
  /** Sets the node's container; `undefined` detaches it. */
  moveTo(parent: N | undefined): void
  /** Records that the contents changed and grew by this many bytes. */
  grow(byBytes: number): void
  deeperThan(levels: number): boolean
  /** Writes the value and returns its end. */
  writeTo(out: Buffer, at: number): number
}

/** A materialized member. The name is the stored bytes, which may not be UTF-8. */
interface Member<N> {
  readonly name: Uint8Array
  readonly node: N
}

/** The offset of an element in its container until it is first accessed. */
type Slot<N> = number | Member<N>

type MakeNode<N> = (type: number, raw: Uint8Array) => N

/** Overhead of an element besides its name and value: the type and the name's NUL. */
const ELEMENT_BYTES = 2

const REPLACEMENT = '\uFFFD'

/**
 * Members of a document by name, or of an array by index. Untouched members cost 8 bytes each. Lookup by name is
 * linear.
 */
export class Members<N extends TreeNode<N>> {
  readonly #owner: N
  readonly #makeNode: MakeNode<N>
  readonly #raw: Uint8Array
  readonly #slots: Slot<N>[] = []
  /** Total length of the stored names. Maintained for arrays, whose names are rewritten once an item moves. */
  #nameBytes = 0
  #renumbered = false

  /** @throws {RangeError} if the bytes are not BSON. */
  constructor(owner: N, raw: Uint8Array, makeNode: MakeNode<N>) {
    this.#owner = owner
    this.#makeNode = makeNode
    this.#raw = raw
    const cursor = new BsonCursor(raw)
    while (cursor.next()) {
      this.#slots.push(cursor.nameAt - 1)
      this.#nameBytes += cursor.nameEnd - cursor.nameAt
    }
    cursor.expectComplete()
  }

  get length(): number {
    return this.#slots.length
  }

  /** The first member with this name. */
  get(name: string): N | undefined {
    return this.at(this.#find(name))
  }

  at(index: number): N | undefined {
    return this.#open(index)?.node
  }

  /** Replaces the member with this name or appends one. */
  set(name: string, node: N): void {
    const index = this.#find(name)
    if (index < 0) this.push(name, node)
    else this.setAt(index, node)
  }

  setAt(index: number, node: N): void {
    const old = this.#open(index)
    if (old === undefined || old.node === node) return
    old.node.moveTo(undefined)
    node.moveTo(this.#owner)
    this.#slots[index] = { name: old.name, node }
    this.#owner.grow(node.byteLength - old.node.byteLength)
  }

  /** Appends a member to a document without checking for duplicates. */
  push(name: string, node: N): void {
    const member = { name: Buffer.from(name), node }
    node.moveTo(this.#owner)
    this.#slots.push(member)
    this.#owner.grow(bytesOf(member))
  }

  /** Deletes all members with this name from a document. */
  delete(name: string): void {
    for (let index = this.#find(name); index >= 0; index = this.#find(name)) {
      const member = this.#open(index)
      this.#slots.splice(index, 1)
      member?.node.moveTo(undefined)
      if (member !== undefined) this.#owner.grow(-bytesOf(member))
    }
  }

  /** Deletes all members of a document except the first one with this name. */
  keepOnly(name: string): void {
    const kept = this.#open(this.#find(name))
    this.#slots.length = 0
    if (kept !== undefined) this.#slots.push(kept)
    const emptyBytes = 5
    this.#owner.grow(emptyBytes + (kept === undefined ? 0 : bytesOf(kept)) - this.#owner.byteLength)
  }

  /** Inserts into an array and shifts the following items up. */
  insert(index: number, node: N): void {
    node.moveTo(this.#owner)
    this.#slots.splice(index, 0, { name: Buffer.alloc(0), node })
    this.#renumber(ELEMENT_BYTES + node.byteLength)
  }

  /** Removes from an array and shifts the following items down. */
  removeAt(index: number): void {
    const node = this.at(index)
    if (node === undefined) return
    node.moveTo(undefined)
    this.#slots.splice(index, 1)
    this.#renumber(-ELEMENT_BYTES - node.byteLength)
  }

  /** Members by name, in order. Materializes all of them. */
  *entries(): Iterable<readonly [string, N]> {
    for (let index = 0; index < this.#slots.length; index += 1) {
      const member = this.#open(index)
      if (member !== undefined) yield [Buffer.from(member.name).toString('utf8'), member.node]
    }
  }

  /** See {@link TreeNode.deeperThan}; true if it holds for any member. */
  deeperThan(levels: number): boolean {
    return this.#slots.some((slot) => {
      if (typeof slot !== 'number') return slot.node.deeperThan(levels)
      const type = this.#raw[slot]
      const container = type === bsonTypes.document || type === bsonTypes.array
      return container && deeperThan(this.#raw, valueStart(this.#raw, slot), levels)
    })
  }

  /** Writes all members and returns the end. Adjacent untouched members are copied in one go. */
  writeTo(out: Buffer, start: number): number {
    const raw = this.#raw
    let at = start
    let from = 0
    let to = 0
    for (const [index, slot] of this.#slots.entries()) {
      const valueAt = typeof slot === 'number' ? valueStart(raw, slot) : 0
      if (typeof slot === 'number' && slot === to && !this.#renumbered) {
        to = elementEnd(raw, slot, valueAt)
        continue
      }
      out.set(raw.subarray(from, to), at)
      at += to - from
      if (typeof slot === 'number') {
        from = slot
        if (this.#renumbered) {
          out[at] = raw[slot] ?? 0
          at = putIndex(out, at + 1, index)
          from = valueAt
        }
        to = elementEnd(raw, slot, valueAt)
        continue
      }
      from = 0
      to = 0
      out[at] = slot.node.type
      at = this.#renumbered ? putIndex(out, at + 1, index) : putName(out, at + 1, slot.name)
      at = slot.node.writeTo(out, at)
    }
    out.set(raw.subarray(from, to), at)
    return at + to - from
  }

  #open(index: number): Member<N> | undefined {
    const slot = this.#slots[index]
    if (typeof slot !== 'number') return slot
    const raw = this.#raw
    const valueAt = valueStart(raw, slot)
    const node = this.#makeNode(raw[slot] ?? 0, raw.subarray(valueAt, elementEnd(raw, slot, valueAt)))
    node.moveTo(this.#owner)
    const member = { name: raw.subarray(slot + 1, valueAt - 1), node }
    this.#slots[index] = member
    return member
  }

  /** Index of the first member with this name as clients see it, or -1. About 2 ns per name. */
  #find(name: string): number {
    // Clients see U+FFFD in names that are not UTF-8. Every other name has exactly one byte form.
    if (name.includes(REPLACEMENT)) return this.#slots.findIndex((slot) => this.#nameOf(slot) === name)
    const wanted = Buffer.from(`${name}\0`)
    const raw = this.#raw
    const slots = this.#slots
    for (let index = 0; index < slots.length; index += 1) {
      const slot = slots[index] ?? 0
      if (typeof slot === 'number' ? startsAt(raw, slot + 1, wanted) : isNamed(slot, wanted)) return index
    }
    return -1
  }

  #nameOf(slot: Slot<N>): string {
    const name =
      typeof slot === 'number' ? this.#raw.subarray(slot + 1, valueStart(this.#raw, slot) - 1) : slot.name
    return Buffer.from(name).toString('utf8')
  }

  #renumber(byBytes: number): void {
    const nameBytes = indexBytes(this.#slots.length)
    this.#owner.grow(byBytes + nameBytes - this.#nameBytes)
    this.#nameBytes = nameBytes
    this.#renumbered = true
  }
}

function bytesOf<N extends TreeNode<N>>({ name, node }: Member<N>): number {
  return ELEMENT_BYTES + name.length + node.byteLength
}

/** `wanted` ends with NUL; the member's name does not. */
function isNamed({ name }: Member<unknown>, wanted: Uint8Array): boolean {
  return name.length === wanted.length - 1 && startsAt(wanted, 0, name)
}

/** Total number of digits of the integers from 0 to `count - 1`. */
function indexBytes(count: number): number {
  let bytes = count
  for (let power = 10; power < count; power *= 10) bytes += count - power
  return bytes
}

function putIndex(out: Buffer, at: number, index: number): number {
  const end = at + out.write(String(index), at, 'latin1')
  out[end] = 0
  return end + 1
}

function putName(out: Buffer, at: number, name: Uint8Array): number {
  out.set(name, at)
  out[at + name.length] = 0
  return at + name.length + 1
}
