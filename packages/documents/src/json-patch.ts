import { isDeepStrictEqual } from 'node:util'
import { bodyLimits } from './body-rules.ts'
import type { PatchRules } from './codec.ts'
import type { JsonValue } from './contract.ts'
import { BodyError } from './errors.ts'
import { pointerTo, readPointer } from './json-pointer.ts'
import { expectSameId, PatchBudget } from './patch-rules.ts'
import type { PatchTree } from './patch-tree.ts'

/** More operations suggest a runaway loop. */
const maxOperations = 1_000

/**
 * Applies RFC 6902 to a document in place; if it throws, the document is left half modified and must be discarded. Moved, copied
 * and untouched values keep their bytes; `test` compares what clients see. Each operation checks size and depth, and a patch may
 * copy, move deeper or replace at most 32 MiB.
 * @throws {BodyError} bad-patch with the operation's pointer; id-mismatch, not-plain-json, forbidden-name;
 * malformed-body: too deep; payload-too-large.
 */
export function applyJsonPatch<N>(tree: PatchTree<N>, operations: Operations<N>, rules: PatchRules): void {
  if (operations.length > maxOperations)
    throw new BodyError(
      'bad-patch',
      '',
      `expected at most ${maxOperations} operations, got ${operations.length}`,
    )
  const budget = new PatchBudget()
  for (let index = 0; index < operations.length; index += 1) {
    const operation = operations.at(index)
    if (operation !== undefined) new Operation(tree, operation, `/${index}`, rules, budget).run()
  }
}

/** An array, or what decodes its items as they are needed. An iterator would keep what operations allocate alive for longer. */
type Operations<N> = Pick<readonly N[], 'length' | 'at'>

/** What an operation acts on: the whole document, its id, or a member or item of a container. */
type Target<N> = { readonly kind: 'whole' } | { readonly kind: 'id' } | Place<N>

/** A container and the last token of the pointer. */
interface Place<N> {
  readonly kind: 'place'
  /** The member of the operation that contains the pointer. */
  readonly key: 'path' | 'from'
  readonly pointer: string
  /** Number of containers around the place. */
  readonly levels: number
  readonly parent: N
  /** As stored. */
  readonly name: string
}

/** One operation of a JSON patch. */
class Operation<N> {
  readonly #tree: PatchTree<N>
  readonly #operation: N
  readonly #pointer: string
  readonly #rules: PatchRules
  readonly #budget: PatchBudget

  /** `pointer`: the operation's place in the patch. @throws {BodyError} bad-patch: not an object. */
  constructor(tree: PatchTree<N>, operation: N, pointer: string, rules: PatchRules, budget: PatchBudget) {
    this.#pointer = pointer
    this.#tree = tree
    this.#operation = operation
    this.#rules = rules
    this.#budget = budget
    if (tree.kindOf(operation) !== 'object')
      this.#fail('', 'expected an operation: an object with "op" and "path"')
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

  #test(target: Target<N>): void {
    const wanted = this.#tree.valueOf(this.#value())
    if (!isDeepStrictEqual(this.#valueAt(target), wanted))
      this.#fail('/value', `expected the value at '${this.#text('path')}' to equal the tested value`)
  }

  /** The target as clients see it. */
  #valueAt(target: Target<N>): JsonValue {
    if (target.kind === 'id') return this.#rules.id
    const node = target.kind === 'place' ? this.#existing(target) : this.#tree.root
    this.#spend(this.#tree.readCostOf(node))
    return target.kind === 'place' ? this.#tree.valueOf(node) : this.#tree.wholeValue()
  }

  #copyOf(from: Target<N>): N {
    if (from.kind === 'whole') this.#fail('/from', 'expected a pointer inside the document')
    // The string that clients see, whatever its stored type.
    if (from.kind === 'id') return this.#tree.stringOf(this.#rules.id)
    const node = this.#existing(from)
    this.#spend(this.#tree.sizeOf(node))
    return this.#tree.copyOf(node)
  }

  #move(from: Target<N>): void {
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
      this.#spend(this.#tree.sizeOf(node))
      this.#expectLevels(node, to.levels)
    }
    this.#put(to, node)
  }

  #add(target: Target<N>, node: N): void {
    if (target.kind === 'id') return expectSameId(this.#tree.valueOf(node), this.#rules)
    if (target.kind === 'whole') return this.#replaceWhole(node)
    this.#expectLevels(node, target.levels)
    this.#put(target, node)
  }

  #put({ parent, name, pointer }: Place<N>, node: N): void {
    if (this.#isArray(parent)) {
      const length = this.#tree.length(parent)
      const index = name === '-' ? length : indexIn(name, length)
      if (index === undefined) return this.#fail('/path', `expected an index in the array, got '${pointer}'`)
      this.#tree.insertItem(parent, index, node)
    } else this.#set(parent, name, node)
    this.#tree.expectSize()
  }

  #replace(target: Target<N>, node: N): void {
    if (target.kind !== 'place') return this.#add(target, node)
    this.#existing(target)
    this.#expectLevels(node, target.levels)
    const { parent, name } = target
    if (this.#isArray(parent)) this.#tree.setItem(parent, Number(name), node)
    else this.#tree.setMember(parent, name, node)
    this.#tree.expectSize()
  }

  /** Like `PUT`: the id stays, and nothing that JSON cannot represent is lost unless `lenient`. */
  #replaceWhole(node: N): void {
    const tree = this.#tree
    if (tree.kindOf(node) !== 'object') this.#fail('', 'expected an object as the whole document')
    if (!this.#rules.lenient) {
      this.#spend(tree.sizeOf(tree.root))
      const found = tree.firstNotPlain()
      if (found !== undefined) throw new BodyError('not-plain-json', found.pointer, found.detail)
    }
    this.#expectLevels(node, 0)
    const id = tree.member(node, 'id')
    if (id !== undefined) expectSameId(tree.valueOf(id), this.#rules)
    if (tree.member(node, '_id') !== undefined)
      throw new BodyError('forbidden-name', this.#pointer, "expected the document's id as 'id', got '_id'")
    tree.deleteMember(node, 'id')
    tree.replaceMembers(node)
    tree.expectSize()
  }

  #remove(target: Target<N>): N {
    if (target.kind === 'whole')
      this.#fail('', 'expected a pointer inside the document: the whole cannot be removed')
    if (target.kind === 'id')
      throw new BodyError('id-mismatch', this.#pointer, 'expected the id to stay unchanged')
    const node = this.#existing(target)
    const { parent, name } = target
    if (this.#isArray(parent)) this.#tree.deleteItem(parent, Number(name))
    else this.#tree.deleteMember(parent, name)
    return node
  }

  /** Names from pointers follow the same rules as names in bodies. */
  #set(parent: N, name: string, node: N): void {
    const fault = this.#tree.nameFault(parent, name)
    if (fault !== undefined && this.#tree.member(parent, name) === undefined)
      throw new BodyError('forbidden-name', `${this.#pointer}/path`, fault)
    this.#tree.setMember(parent, name, node)
  }

  #existing(place: Place<N>): N {
    return (
      this.#at(place) ?? this.#fail(`/${place.key}`, `expected a value at '${place.pointer}', found none`)
    )
  }

  /** The current value. */
  #at({ parent, name }: Place<N>): N | undefined {
    if (!this.#isArray(parent)) return this.#tree.member(parent, name)
    const index = indexIn(name, this.#tree.length(parent) - 1)
    return index === undefined ? undefined : this.#tree.item(parent, index)
  }

  #isArray(node: N): boolean {
    return this.#tree.kindOf(node) === 'array'
  }

  /** Resolves the pointer down to its container. */
  #target(key: 'path' | 'from'): Target<N> {
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
    let parent = this.#tree.root
    for (const [depth, part] of path.slice(0, -1).entries()) {
      const place = {
        kind: 'place',
        key,
        pointer,
        levels: depth,
        parent,
        name: depth === 0 ? this.#tree.storedName(part) : part,
      } as const
      parent = this.#inside(this.#existing(place), key, path.slice(0, depth + 1))
    }
    const levels = path.length
    const name = levels === 1 ? this.#tree.storedName(last) : last
    return { kind: 'place', key, pointer, levels, parent, name }
  }

  #inside(node: N, key: 'path' | 'from', path: readonly string[]): N {
    const kind = this.#tree.kindOf(node)
    if (kind === 'object' || kind === 'array') return node
    const pointer = pointerTo(path)
    if (kind === 'opaque')
      throw new BodyError(
        'not-plain-json',
        pointer,
        'expected a JSON object or array on the path, got a stored type that JSON cannot represent',
      )
    return this.#fail(`/${key}`, `expected an object or array at '${pointer}'`)
  }

  #value(): N {
    return this.#tree.member(this.#operation, 'value') ?? this.#fail('', 'expected a "value"')
  }

  #text(key: 'op' | 'path' | 'from'): string {
    const node = this.#tree.member(this.#operation, key)
    const text = node === undefined ? undefined : this.#tree.textOf(node)
    return text ?? this.#fail(`/${key}`, 'expected a string')
  }

  #expectLevels(node: N, above: number): void {
    if (this.#tree.isDeeperThan(node, bodyLimits.maxLevels - above))
      throw new BodyError(
        'malformed-body',
        this.#pointer,
        `expected at most ${bodyLimits.maxLevels} levels after the patch`,
      )
  }

  #spend(bytes: number): void {
    this.#budget.spend(bytes, this.#pointer)
  }

  #fail(at: string, detail: string): never {
    throw new BodyError('bad-patch', this.#pointer + at, detail)
  }
}

/** RFC 6901: digits without leading zeros. */
function indexIn(name: string, max: number): number | undefined {
  const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : Number.NaN
  return index <= max ? index : undefined
}
