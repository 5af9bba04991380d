import {
  BodyError,
  bodyLimits,
  nameFault,
  readPointer,
  type JsonValue,
  type PatchRules,
} from '@freshet/documents'
import { isDeepStrictEqual } from 'node:util'
import {
  deeperThan,
  firstInexact,
  isMembers,
  Scalar,
  textOf,
  treeOf,
  valueOf,
  type JsonMembers,
  type JsonNode,
} from './json-tree.ts'
import { expectSameId, PatchBudget } from './patch-rules.ts'

/** More operations suggest a runaway loop. */
const maxOperations = 1_000

/**
 * Applies RFC 6902 to a document in place; if it throws, the document is left half modified and must be discarded. Moved,
 * copied and untouched values keep their text; `test` compares what clients see.
 * @param root the members of the document without its id.
 * @throws {BodyError} bad-patch with the operation's pointer; id-mismatch, not-plain-json, forbidden-name; malformed-body: too
 * deep.
 */
export function applyJsonPatch(root: JsonMembers, patch: readonly JsonNode[], rules: PatchRules): void {
  if (patch.length > maxOperations)
    throw new BodyError('bad-patch', '', `expected at most ${maxOperations} operations, got ${patch.length}`)
  const budget = new PatchBudget()
  for (const [index, operation] of patch.entries())
    new Operation(root, operation, `/${index}`, rules, budget).run()
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
  readonly parent: JsonMembers | JsonNode[]
  readonly name: string
}

/** One operation of a JSON patch. */
class Operation {
  readonly #root: JsonMembers
  readonly #members: JsonMembers
  readonly #pointer: string
  readonly #rules: PatchRules
  readonly #budget: PatchBudget

  /** `pointer`: the operation's place in the patch. @throws {BodyError} bad-patch: not an object. */
  constructor(
    root: JsonMembers,
    operation: JsonNode,
    pointer: string,
    rules: PatchRules,
    budget: PatchBudget,
  ) {
    this.#pointer = pointer
    this.#root = root
    this.#rules = rules
    this.#budget = budget
    this.#members = isMembers(operation)
      ? operation
      : this.#fail('', 'expected an operation: an object with "op" and "path"')
  }

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
    const wanted = valueOf(this.#value())
    if (!isDeepStrictEqual(this.#valueAt(target), wanted))
      this.#fail('/value', `expected the value at '${this.#text('path')}' to equal the tested value`)
  }

  /** The target as clients see it. */
  #valueAt(target: Target): JsonValue {
    if (target.kind === 'id') return this.#rules.id
    const node = target.kind === 'place' ? this.#existing(target) : this.#root
    const text = textOf(node)
    this.#spend(text.length)
    const value: JsonValue = JSON.parse(text)
    return target.kind === 'whole' ? Object.assign({ id: this.#rules.id }, value) : value
  }

  #copyOf(from: Target): JsonNode {
    if (from.kind === 'whole') this.#fail('/from', 'expected a pointer inside the document')
    if (from.kind === 'id') return new Scalar(JSON.stringify(this.#rules.id))
    const text = textOf(this.#existing(from))
    this.#spend(text.length)
    return treeOf(text)
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
      this.#spend(textOf(node).length)
      this.#expectLevels(node, to.levels)
    }
    this.#put(to, node)
  }

  #add(target: Target, node: JsonNode): void {
    if (target.kind === 'id') return expectSameId(node, this.#rules)
    if (target.kind === 'whole') return this.#replaceWhole(node)
    this.#expectLevels(node, target.levels)
    this.#put(target, node)
  }

  #put({ parent, name, pointer }: Place, node: JsonNode): void {
    if (!Array.isArray(parent)) return this.#set(parent, name, node)
    const index = name === '-' ? parent.length : indexIn(name, parent.length)
    if (index === undefined) this.#fail('/path', `expected an index in the array, got '${pointer}'`)
    parent.splice(index, 0, node)
  }

  #replace(target: Target, node: JsonNode): void {
    if (target.kind !== 'place') return this.#add(target, node)
    this.#existing(target)
    this.#expectLevels(node, target.levels)
    const { parent, name } = target
    if (Array.isArray(parent)) parent[Number(name)] = node
    else parent.set(name, node)
  }

  /** Like `PUT`: the id stays, and nothing that JSON clients cannot represent is lost unless `lenient`. */
  #replaceWhole(node: JsonNode): void {
    if (!isMembers(node)) return this.#fail('', 'expected an object as the whole document')
    if (!this.#rules.lenient) {
      this.#spend(textOf(this.#root).length)
      const pointer = firstInexact(this.#root)
      if (pointer !== undefined)
        throw new BodyError('not-plain-json', pointer, 'has a stored number that a double cannot represent')
    }
    this.#expectLevels(node, 0)
    const id = node.get('id')
    if (id !== undefined) expectSameId(id, this.#rules)
    if (node.has('_id'))
      throw new BodyError('forbidden-name', this.#pointer, "expected the document's id as 'id', got '_id'")
    this.#root.clear()
    for (const [name, inner] of node) if (name !== 'id') this.#root.set(name, inner)
  }

  #remove(target: Target): JsonNode {
    if (target.kind === 'whole')
      this.#fail('', 'expected a pointer inside the document: the whole cannot be removed')
    if (target.kind === 'id')
      throw new BodyError('id-mismatch', this.#pointer, 'expected the id to stay unchanged')
    const node = this.#existing(target)
    const { parent, name } = target
    if (Array.isArray(parent)) parent.splice(Number(name), 1)
    else parent.delete(name)
    return node
  }

  /** Names from pointers follow the same rules as names in bodies. */
  #set(parent: JsonMembers, name: string, node: JsonNode): void {
    const fault = nameFault(name, false)
    if (fault !== undefined && !parent.has(name))
      throw new BodyError('forbidden-name', `${this.#pointer}/path`, fault)
    parent.set(name, node)
  }

  #existing(place: Place): JsonNode {
    return nodeAt(place) ?? this.#fail(`/${place.key}`, `expected a value at '${place.pointer}', found none`)
  }

  /** Resolves the pointer down to its container. */
  #target(key: 'path' | 'from'): Target {
    const pointer = this.#text(key)
    const path = readPointer(pointer)
    if (path === undefined)
      return this.#fail(
        `/${key}`,
        `expected an RFC 6901 pointer into the document, got ${JSON.stringify(pointer)}`,
      )
    const last = path.at(-1)
    if (last === undefined) return { kind: 'whole' }
    if (pointer === '/id') return { kind: 'id' }
    // `id` is a string to clients: there is nothing inside it.
    if (path[0] === '_id' || path[0] === 'id')
      this.#fail(`/${key}`, `expected a value at '${pointer}', found none`)
    let parent: Place['parent'] = this.#root
    for (const [depth, name] of path.slice(0, -1).entries()) {
      const node = this.#existing({ kind: 'place', key, pointer, levels: depth, parent, name })
      if (node instanceof Scalar)
        return this.#fail(`/${key}`, `expected an object or array on the way to '${pointer}'`)
      parent = node
    }
    return { kind: 'place', key, pointer, levels: path.length, parent, name: last }
  }

  #value(): JsonNode {
    return this.#members.get('value') ?? this.#fail('', 'expected a "value"')
  }

  #text(key: 'op' | 'path' | 'from'): string {
    const node = this.#members.get(key)
    const text = node instanceof Scalar ? valueOf(node) : undefined
    return typeof text === 'string' ? text : this.#fail(`/${key}`, 'expected a string')
  }

  #expectLevels(node: JsonNode, above: number): void {
    if (deeperThan(node, bodyLimits.maxLevels - above))
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

/** The current value. */
function nodeAt({ parent, name }: Place): JsonNode | undefined {
  if (!Array.isArray(parent)) return parent.get(name)
  const index = indexIn(name, parent.length - 1)
  return index === undefined ? undefined : parent[index]
}

/** RFC 6901: digits without leading zeros. */
function indexIn(name: string, max: number): number | undefined {
  const index = /^(?:0|[1-9][0-9]*)$/.test(name) ? Number(name) : Number.NaN
  return index <= max ? index : undefined
}
