import { BodyError, bodyLimits, nameFault, numberFault, pointerTo, type JsonValue } from '@freshet/documents'

/** A string, number, boolean or null as its JSON text, so that a patch writes untouched values back unchanged. */
export class Scalar {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** JSON without loss: members keep their order, and scalars their text. */
export type JsonNode = Scalar | JsonNode[] | JsonMembers
export type JsonMembers = Map<string, JsonNode>

export const isMembers = (node: JsonNode | undefined): node is JsonMembers => node instanceof Map

/** Parses JSON text that is known to be well-formed. Of several members with one name the last counts, as in `JSON.parse`. */
export function treeOf(text: string): JsonNode {
  return new Parser(text, false).root()
}

/** Parses a body that is known to be well-formed, and checks what it contains. @throws {BodyError} */
export function checkedTreeOf(text: string): JsonNode {
  return new Parser(text, true).root()
}

/** Compact JSON. */
export function textOf(node: JsonNode): string {
  if (node instanceof Scalar) return node.text
  if (Array.isArray(node)) return `[${node.map(textOf).join(',')}]`
  return `{${[...node].map(([name, value]) => `${JSON.stringify(name)}:${textOf(value)}`).join(',')}}`
}

/** What clients see. */
export function valueOf(node: JsonNode): JsonValue {
  const value: JsonValue = JSON.parse(textOf(node))
  return value
}

/** Whether objects and arrays nest deeper than `levels`, this one included. */
export function deeperThan(node: JsonNode, levels: number): boolean {
  if (node instanceof Scalar) return false
  if (levels <= 0) return true
  return [...node.values()].some((inner) => deeperThan(inner, levels - 1))
}

/** The pointer to the first number that clients could not send back as it is. */
function firstInexact(node: JsonNode, path: readonly string[] = []): string | undefined {
  if (node instanceof Scalar) return isInexact(node) ? pointerTo(path) : undefined
  for (const [name, inner] of node.entries()) {
    const found = firstInexact(inner, [...path, String(name)])
    if (found !== undefined) return found
  }
  return undefined
}

/** The same, with what it is. */
export function inexactFault(
  node: JsonNode,
): { readonly pointer: string; readonly detail: string } | undefined {
  const pointer = firstInexact(node)
  return pointer === undefined
    ? undefined
    : { pointer, detail: 'has a stored number that a double cannot represent' }
}

/** Whether a scalar is a number that a double cannot represent. */
export function isInexact({ text }: Scalar): boolean {
  return /^[-\d]/.test(text) && numberFault(text) !== undefined
}

/** Matches an unpaired surrogate: with the `u` flag, a pair is one character. */
const loneSurrogate = /\p{Surrogate}/u

const scalar = /[^\s,\]}]+/y
const space = /\s*/y

/** As an integer, a number beyond 2^53 could not be sent back. */
function numberText(value: number): string {
  const text = JSON.stringify(value)
  return Math.abs(value) > 2 ** 53 && /^-?\d+$/.test(text) ? `${text}.0` : text
}

class Parser {
  readonly #text: string
  readonly #checked: boolean
  readonly #path: string[] = []
  #at = 0

  constructor(text: string, checked: boolean) {
    this.#text = text
    this.#checked = checked
  }

  root(): JsonNode {
    return this.#value(1)
  }

  #value(level: number): JsonNode {
    const char = this.#peek()
    if (char === '{') return this.#object(level)
    if (char === '[') return this.#array(level)
    return char === '"' ? this.#string() : this.#scalar()
  }

  #object(level: number): JsonMembers {
    this.#expectLevel(level)
    const members: JsonMembers = new Map()
    this.#at += 1
    while (this.#peek() !== '}') {
      if (this.#text[this.#at] === ',') this.#skip()
      if (this.#checked && members.size === bodyLimits.maxKeys)
        this.#fail('malformed-body', `expected at most ${bodyLimits.maxKeys} keys in an object`)
      const name = String(JSON.parse(this.#rawString()))
      this.#path.push(name)
      if (this.#checked) this.#checkName(name, members, level)
      this.#peek()
      this.#skip() // the colon
      members.set(name, this.#value(level + 1))
      this.#path.pop()
    }
    this.#at += 1
    return members
  }

  #array(level: number): JsonNode[] {
    this.#expectLevel(level)
    const items: JsonNode[] = []
    this.#at += 1
    while (this.#peek() !== ']') {
      if (this.#text[this.#at] === ',') this.#skip()
      this.#path.push(String(items.length))
      items.push(this.#value(level + 1))
      this.#path.pop()
    }
    this.#at += 1
    return items
  }

  #string(): Scalar {
    const raw = this.#rawString()
    // Only an escape can stand for something else than the text shows.
    if (!this.#checked || !raw.includes('\\')) return new Scalar(raw)
    const text = String(JSON.parse(raw))
    this.#expectText(text)
    return new Scalar(JSON.stringify(text))
  }

  #scalar(): Scalar {
    scalar.lastIndex = this.#at
    const text = scalar.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    if (!this.#checked || !/^[-\d]/.test(text)) return new Scalar(text)
    const fault = numberFault(text)
    if (fault !== undefined) this.#fail('inexact-number', fault)
    return new Scalar(numberText(Number(text)))
  }

  /** A string with its quotes. */
  #rawString(): string {
    const text = this.#text
    const from = this.#at
    let to = from + 1
    while (text[to] !== '"') to += text[to] === '\\' ? 2 : 1
    this.#at = to + 1
    return text.slice(from, this.#at)
  }

  #checkName(name: string, members: JsonMembers, level: number): void {
    const fault = nameFault(name, level === 1)
    if (fault !== undefined) this.#fail('forbidden-name', fault)
    if (members.has(name)) this.#fail('duplicate-key', 'expected each key once')
    this.#expectText(name)
  }

  #expectText(text: string): void {
    if (loneSurrogate.test(text)) this.#fail('bad-text', 'expected Unicode text, got a lone surrogate')
    // The server stores it, but none of its functions can process such a document.
    if (text.includes('\0')) this.#fail('bad-text', 'expected text without NUL')
  }

  #expectLevel(level: number): void {
    if (this.#checked && level > bodyLimits.maxLevels)
      this.#fail('malformed-body', `expected at most ${bodyLimits.maxLevels} levels`)
  }

  /** Skips white space and returns the next character. */
  #peek(): string | undefined {
    space.lastIndex = this.#at
    space.test(this.#text)
    this.#at = space.lastIndex
    return this.#text[this.#at]
  }

  /** Skips one character and the white space after it. */
  #skip(): void {
    this.#at += 1
    this.#peek()
  }

  #fail(code: BodyError['code'], detail: string): never {
    throw new BodyError(code, pointerTo(this.#path), detail)
  }
}
