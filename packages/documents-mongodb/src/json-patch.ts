import { bsonTypes } from '@freshet/bson'
import { BsonNode } from './tree.ts'
import { expectSameId, expectSize, PatchBudget } from './patch-rules.ts'
import { isDeepStrictEqual } from 'node:util'
import { nameFault } from './body-scan.ts'
import type { Members } from './members.ts'
import {
  BodyError,
  bodyLimits,
  type JsonValue,
  type PatchRules,
  pointerTo,
  readPointer,
} from '@freshet/documents'
import { firstNotPlain } from './not-plain.ts'
import { encodeJson, encodeValue, storedName } from './encode-json.ts'

/** More operations suggest a runaway loop. */
const maxOperations = 1_000

/**
 * Applies RFC 6902 to a stored document, all or nothing. Moved, copied and untouched values keep their bytes; `test`
 * compares what clients see. Each operation checks size and depth, and a patch may copy, move deeper or replace at most
 * 32 MiB.
 * @throws {BodyError} bad-patch with the operation's pointer; id-mismatch, not-plain-json, forbidden-name;
 * malformed-body: too deep; payload-too-large.
 */
export function applyJsonPatch(stored: Uint8Array, patch: Uint8Array, rules: PatchRules): Uint8Array {
  const root = BsonNode.root(stored)
  const operations = BsonNode.root(patch, bsonTypes.array).members
  if (operations.length > maxOperations)
    throw new BodyError(
      'bad-patch',
      '',
      `expected at most ${maxOperations} operations, got ${operations.length}`,
    )
  const budget = new PatchBudget()
  for (const [index, operation] of operations.entries())
    new Operation(root, operation, `/${index}`, rules, budget).run()
  return root.toBytes()
}

/** What an operation acts on: the whole document, its id, or a member or item of a container. */
type Target = { readonly kind: 'whole' } | { readonly kind: 'id' } | Place

/** A container and the last token of the pointer. */
interface Place {
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

/** One operation of a JSON patch. If it throws, the document is left half modified and must be discarded. */
class Operation {
  readonly #root: BsonNode
  readonly #members: Members<BsonNode>
  readonly #pointer: string
  readonly #rules: PatchRules
  readonly #budget: PatchBudget

  /** `pointer`: the operation's place in the patch. @throws {BodyError} bad-patch: not an object. */
  constructor(root: BsonNode, operation: BsonNode, pointer: string, rules: PatchRules, budget: PatchBudget) {
    this.#pointer = pointer
    this.#root = root
    this.#rules = rules
    this.#budget = budget
    if (!operation.isDocument) this.#fail('', 'expected an operation: an object with "op" and "path"')
    this.#members = operation.members
  }

  /** @throws {BodyError} see `applyJsonPatch`. */
  run(): void {
    const op = this.#text('op')
    switch (op) {
      case 'add':
        return this.#add(this.#target('path'), this.#value())
      case 'replace':
        return this.#replace(this.#target('path'), this.#value())
      case 'remove':
        return void this.#remove(this.#target('path'))
      case 'move':
        return this.#move(this.#target('from'))
      case 'copy':
        return this.#add(this.#target('path'), this.#copyOf(this.#target('from')))
      case 'test':
        return this.#test(this.#target('path'))
      default:
        this.#fail('/op', `expected add, remove, replace, move, copy or test, got ${JSON.stringify(op)}`)
    }
  }

  #test(target: Target): void {
    const wanted = encodeValue(this.#value())
    if (!isDeepStrictEqual(this.#valueAt(target), wanted))
      this.#fail('/value', `expected the value at '${this.#text('path')}' to equal the tested value`)
  }

  /** The target as clients see it. Costs at most the size of the patch: a `test` that fails ends it. */
  #valueAt(target: Target): JsonValue {
    if (target.kind === 'id') return this.#rules.id
    if (target.kind === 'place') return encodeValue(this.#existing(target))
    const whole: JsonValue = JSON.parse(encodeJson(this.#root.toBytes()).toString('utf8'))
    return whole
  }

  #copyOf(from: Target): BsonNode {
    if (from.kind === 'whole') this.#fail('/from', 'expected a pointer inside the document')
    // The string that clients see, whatever its stored type.
    if (from.kind === 'id') return BsonNode.text(this.#rules.id)
    const node = this.#existing(from)
    this.#spend(node)
    return new BsonNode(node.type, node.toBytes())
  }

  #move(from: Target): void {
    if (from.kind !== 'place') return void this.#remove(from)
    const path = this.#text('path')
    if (path === from.pointer) return void this.#existing(from)
    if (path.startsWith(`${from.pointer}/`))
      this.#fail('/from', 'expected a pointer that does not contain the target')
    const node = this.#remove(from)
    const to = this.#target('path')
    if (to.kind !== 'place') return this.#add(to, node)
    // On the same level or above nothing gets deeper, even if it already exceeds the limit.
    if (to.levels > from.levels) {
      this.#spend(node)
      this.#expectLevels(node, to.levels)
    }
    this.#put(to, node)
  }

  #add(target: Target, node: BsonNode): void {
    if (target.kind === 'id') return expectSameId(node, this.#rules)
    if (target.kind === 'whole') return this.#replaceWhole(node)
    this.#expectLevels(node, target.levels)
    this.#put(target, node)
  }

  #put({ parent, name, pointer }: Place, node: BsonNode): void {
    if (parent.isArray) {
      const { members } = parent
      const index = name === '-' ? members.length : indexIn(name, members.length)
      if (index === undefined) this.#fail('/path', `expected an index in the array, got '${pointer}'`)
      members.insert(index, node)
    } else this.#set(parent, name, node)
    expectSize(this.#root)
  }

  #replace(target: Target, node: BsonNode): void {
    if (target.kind !== 'place') return this.#add(target, node)
    this.#existing(target)
    this.#expectLevels(node, target.levels)
    const { members } = target.parent
    if (target.parent.isArray) members.setAt(Number(target.name), node)
    else members.set(target.name, node)
    expectSize(this.#root)
  }

  /** Like `PUT`: the id stays, and nothing that JSON cannot represent is lost unless `lenient`. */
  #replaceWhole(node: BsonNode): void {
    if (!node.isDocument) this.#fail('', 'expected an object as the whole document')
    if (!this.#rules.lenient) {
      this.#spend(this.#root)
      const pointer = firstNotPlain(this.#root.toBytes())
      if (pointer !== undefined)
        throw new BodyError('not-plain-json', pointer, 'has a stored type that JSON cannot represent')
    }
    this.#expectLevels(node, 0)
    const { members } = node
    const id = members.get('id')
    if (id !== undefined) expectSameId(id, this.#rules)
    if (members.get('_id') !== undefined)
      throw new BodyError('forbidden-name', this.#pointer, "expected the document's id as 'id', got '_id'")
    members.delete('id')
    this.#root.members.keepOnly('_id')
    for (const [name, inner] of members.entries()) this.#root.members.push(storedName(name), inner)
    expectSize(this.#root)
  }

  #remove(target: Target): BsonNode {
    if (target.kind === 'whole')
      this.#fail('', 'expected a pointer inside the document: the whole cannot be removed')
    if (target.kind === 'id')
      throw new BodyError('id-mismatch', this.#pointer, 'expected the id to stay unchanged')
    const node = this.#existing(target)
    if (target.parent.isArray) target.parent.members.removeAt(Number(target.name))
    else target.parent.members.delete(target.name)
    return node
  }

  /** Names from pointers follow the same rules as names in bodies. */
  #set(parent: BsonNode, name: string, node: BsonNode): void {
    // A stored top-level `id` is `$id` to clients, so check the name they used.
    const bytes = Buffer.from(parent === this.#root && name === 'id' ? '$id' : name)
    const fault = nameFault(bytes, 0, bytes.length, false)
    if (fault !== undefined && parent.members.get(name) === undefined)
      throw new BodyError('forbidden-name', `${this.#pointer}/path`, fault)
    parent.members.set(name, node)
  }

  #existing(place: Place): BsonNode {
    return nodeAt(place) ?? this.#fail(`/${place.key}`, `expected a value at '${place.pointer}', found none`)
  }

  /** Resolves the pointer down to its container. */
  #target(key: 'path' | 'from'): Target {
    const pointer = this.#text(key)
    const path = readPointer(pointer)
    if (path === undefined)
      this.#fail(`/${key}`, `expected an RFC 6901 pointer into the document, got ${JSON.stringify(pointer)}`)
    const last = path.at(-1)
    if (last === undefined) return { kind: 'whole' }
    if (pointer === '/id') return { kind: 'id' }
    // `id` is a string to clients: there is nothing inside it.
    if (path[0] === '_id' || path[0] === 'id')
      this.#fail(`/${key}`, `expected a value at '${pointer}', found none`)
    let parent = this.#root
    for (const [depth, part] of path.slice(0, -1).entries()) {
      const place = {
        kind: 'place',
        key,
        pointer,
        levels: depth,
        parent,
        name: depth === 0 ? storedName(part) : part,
      } as const
      parent = this.#inside(this.#existing(place), key, path.slice(0, depth + 1))
    }
    const levels = path.length
    const name = levels === 1 ? storedName(last) : last
    return { kind: 'place', key, pointer, levels, parent, name }
  }

  #inside(node: BsonNode, key: 'path' | 'from', path: readonly string[]): BsonNode {
    if (node.isDocument || node.isArray) return node
    const pointer = pointerTo(path)
    const shown = encodeValue(node)
    if (typeof shown === 'object' && shown !== null)
      throw new BodyError(
        'not-plain-json',
        pointer,
        'expected a JSON object or array on the path, got a stored type that JSON cannot represent',
      )
    return this.#fail(`/${key}`, `expected an object or array at '${pointer}'`)
  }

  #value(): BsonNode {
    return this.#members.get('value') ?? this.#fail('', 'expected a "value"')
  }

  #text(key: 'op' | 'path' | 'from'): string {
    return this.#members.get(key)?.text ?? this.#fail(`/${key}`, 'expected a string')
  }

  #expectLevels(node: BsonNode, above: number): void {
    if (node.deeperThan(bodyLimits.maxLevels - above))
      throw new BodyError(
        'malformed-body',
        this.#pointer,
        `expected at most ${bodyLimits.maxLevels} levels after the patch`,
      )
  }

  #spend({ byteLength }: BsonNode): void {
    this.#budget.spend(byteLength, this.#pointer)
  }

  #fail(at: string, detail: string): never {
    throw new BodyError('bad-patch', this.#pointer + at, detail)
  }
}

/** The current value. */
function nodeAt({ parent, name }: Place): BsonNode | undefined {
  const { members } = parent
  if (!parent.isArray) return members.get(name)
  const index = indexIn(name, members.length - 1)
  return index === undefined ? undefined : members.at(index)
}

/** RFC 6901: digits without leading zeros. */
function indexIn(name: string, max: number): number | undefined {
  const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : Number.NaN
  return index <= max ? index : undefined
}
