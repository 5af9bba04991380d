import { isDeepStrictEqual } from 'node:util'
import { bsonTypes } from '@freshet/protocol'
import type { Body } from './body.ts'
import { BsonNode, type Members } from './bson-tree.ts'
import type { JsonValue } from './contract.ts'
import { BodyError } from './errors.ts'
import { pointerTo, readPointer } from './json-pointer.ts'
import { nameFault } from './name-fault.ts'
import { checkPatched, idNode, type PatchRules } from './patch-rules.ts'
import { presentValue } from './present-value.ts'

/** A patch of more operations is a sign of a loop somewhere. */
const maxOperations = 1_000

/** Where an operation acts: the container, and the last name of the way. */
interface Place {
  readonly parent: BsonNode
  readonly name: string
  readonly pointer: string
}

/**
 * RFC 6902 on a stored document: all operations or none. Moved, copied and untouched values keep their bytes; `test`
 * compares what clients see.
 * @throws {BodyError} bad-patch with the pointer of the operation; id-mismatch, not-plain-json, malformed-body.
 */
export function applyJsonPatch(stored: Uint8Array, patch: Body<JsonValue[]>, rules: PatchRules): Uint8Array {
  const root = BsonNode.root(stored)
  const operations = BsonNode.root(patch.bson, bsonTypes.array).members
  if (operations.length > maxOperations)
    throw new BodyError(
      'bad-patch',
      '',
      `expected at most ${maxOperations} operations, got ${operations.length}`,
    )
  for (const [index, operation] of operations.entries())
    new Operation(root, operation, `/${index}`, rules).run()
  return checkPatched(root)
}

class Operation {
  readonly #root: BsonNode
  readonly #members: Members
  readonly #pointer: string
  readonly #rules: PatchRules

  constructor(root: BsonNode, operation: BsonNode, pointer: string, rules: PatchRules) {
    this.#pointer = pointer
    this.#root = root
    this.#rules = rules
    if (!operation.isDocument) this.#fail('', 'expected an operation: an object with "op" and "path"')
    this.#members = operation.members
  }

  run(): void {
    const op = this.#text('op')
    switch (op) {
      case 'add':
        return this.#add(this.#place('path'), this.#value())
      case 'replace':
        return this.#replace(this.#place('path'), this.#value())
      case 'remove':
        return void this.#remove(this.#place('path'))
      case 'move': {
        const from = this.#place('from')
        if (`${this.#text('path')}/`.startsWith(`${from.pointer}/`) && this.#text('path') !== from.pointer)
          this.#fail('/from', 'expected a place that the target is not inside of')
        const node = this.#remove(from)
        return this.#add(this.#place('path'), node)
      }
      case 'copy':
        return this.#add(this.#place('path'), copyOf(this.#existing(this.#place('from'))))
      case 'test':
        return this.#test()
      default:
        this.#fail('/op', `expected add, remove, replace, move, copy or test, got ${JSON.stringify(op)}`)
    }
  }

  #test(): void {
    const wanted = presentValue(this.#value())
    const path = this.#text('path')
    const found =
      path === ''
        ? this.#fail('/path', 'expected a place inside the document')
        : this.#existing(this.#place('path', true))
    if (!isDeepStrictEqual(presentValue(found), wanted))
      this.#fail('/value', `expected the value at '${path}' to be the tested one`)
  }

  #add({ parent, name, pointer }: Place, node: BsonNode): void {
    if (!parent.isArray) return this.#set(parent, name, node)
    const { members } = parent
    const index = name === '-' ? members.length : indexIn(name, members.length)
    if (index === undefined) this.#fail('/path', `expected a place in the array, got '${pointer}'`)
    members.insert(index, node)
  }

  #replace(place: Place, node: BsonNode): void {
    this.#existing(place)
    if (place.parent.isArray) place.parent.members.setAt(Number(place.name), node)
    else place.parent.members.set(place.name, node)
  }

  #remove(place: Place): BsonNode {
    const node = this.#existing(place)
    if (place.parent.isArray) place.parent.members.removeAt(Number(place.name))
    else place.parent.members.delete(place.name)
    return node
  }

  /** A name that comes from a pointer is held to the same rules as one in a body. */
  #set(parent: BsonNode, name: string, node: BsonNode): void {
    const bytes = Buffer.from(name)
    const fault = nameFault(bytes, 0, bytes.length, false)
    if (fault !== undefined && parent.members.get(name) === undefined)
      throw new BodyError('forbidden-name', `${this.#pointer}/path`, fault)
    parent.members.set(name, node)
  }

  #existing({ parent, name, pointer }: Place): BsonNode {
    const { members } = parent
    const index = parent.isArray ? indexIn(name, members.length - 1) : undefined
    const node = parent.isArray ? (index === undefined ? undefined : members.at(index)) : members.get(name)
    return node ?? this.#fail('/path', `expected a value at '${pointer}', found none`)
  }

  /** Walks to the container of the place. `reading`: the id may be looked at. */
  #place(key: 'path' | 'from', reading = false): Place {
    const pointer = this.#text(key)
    const path = readPointer(pointer)
    const last = path?.at(-1)
    if (path === undefined || last === undefined)
      return this.#fail(
        `/${key}`,
        `expected an RFC 6901 pointer into the document, got ${JSON.stringify(pointer)}`,
      )
    if (path.length === 1) return this.#topPlace(last, pointer, reading)
    let parent = this.#root
    for (const [depth, name] of path.slice(0, -1).entries())
      parent = this.#inside(
        this.#existing({ parent, name: depth === 0 ? storedName(name) : name, pointer }),
        path.slice(0, depth + 1),
      )
    return { parent, name: last, pointer }
  }

  /** The id is not to be changed, only to be looked at, or to be set to what it is. */
  #topPlace(name: string, pointer: string, reading: boolean): Place {
    if (name === 'id' && !reading) {
      const value = this.#members.get('value')
      if (value === undefined)
        throw new BodyError('id-mismatch', `${this.#pointer}/path`, 'expected the id to stay')
      idNode(value, this.#rules)
      // Setting it to what it is changes nothing: into a document that nobody keeps.
      return { parent: BsonNode.root(Buffer.from(idOnly)), name: '_id', pointer }
    }
    if (name === '_id') this.#fail('/path', "expected a value at '/_id', found none")
    return { parent: this.#root, name: storedName(name), pointer }
  }

  #inside(node: BsonNode, path: readonly string[]): BsonNode {
    if (node.isDocument || node.isArray) return node
    const pointer = pointerTo(path)
    const shown = presentValue(node)
    if (typeof shown === 'object' && shown !== null)
      throw new BodyError(
        'not-plain-json',
        pointer,
        'expected a JSON object to go into, got a value that JSON cannot carry',
      )
    return this.#fail('/path', `expected an object or an array at '${pointer}'`)
  }

  #value(): BsonNode {
    return this.#members.get('value') ?? this.#fail('', 'expected a "value"')
  }

  #text(key: 'op' | 'path' | 'from'): string {
    const node = this.#members.get(key)
    const text = node === undefined ? undefined : presentValue(node)
    return typeof text === 'string' ? text : this.#fail(`/${key}`, 'expected a text')
  }

  #fail(at: string, detail: string): never {
    throw new BodyError('bad-patch', this.#pointer + at, detail)
  }
}

/** `{_id: null}` */
const idOnly = [10, 0, 0, 0, 10, 0x5f, 0x69, 0x64, 0, 0] as const

/** What clients see as `$id` and `id` is stored under other names. */
function storedName(name: string): string {
  if (name === '$id') return 'id'
  return name === 'id' ? '_id' : name
}

/** RFC 6901: digits without leading zeros. */
function indexIn(name: string, max: number): number | undefined {
  const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : Number.NaN
  return index <= max ? index : undefined
}

function copyOf(node: BsonNode): BsonNode {
  return new BsonNode(node.type, node.toBytes())
}
