import { RegExpParser, type AST } from '@eslint-community/regexpp'

/** Maximum states of a pattern. Counted repetitions are expanded. */
const maxStates = 10_000

/** An invalid pattern, or one that cannot run in linear time. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

type Assertion = 'start' | 'end' | 'word' | 'not-word'

/** One state of the automaton. `next` and `or` are indexes of other states. */
type PatternState =
  | { readonly kind: 'match' }
  | { readonly kind: 'set'; readonly set: number; readonly next: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'split'; next: number; readonly or: number }

export interface PatternProgram {
  readonly states: readonly PatternState[]
  readonly start: number
  /** Character sets, as expressions that match a single character. */
  readonly sets: readonly RegExp[]
  /** Index of the set of word characters, if the pattern uses word boundaries. */
  readonly word: number | undefined
}

/**
 * Compiles an ECMAScript pattern with the `u` flag to a nondeterministic automaton. The parser is regexpp, which
 * linters use; membership in a character set is decided by the JavaScript engine, one character at a time.
 * @throws {PatternError} invalid pattern, look-around, back-reference, or too many states.
 */
export function patternProgram(source: string): PatternProgram {
  return new Builder().build(parse(source))
}

function parse(source: string): AST.Pattern {
  try {
    return new RegExpParser().parsePattern(source, 0, source.length, { unicode: true })
  } catch (cause) {
    throw new PatternError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Builds from the end to the start: each part receives the state that follows it. */
class Builder {
  readonly #states: PatternState[] = []
  readonly #sets = new Map<string, number>()
  #visited = 0
  #words = false

  build({ alternatives }: AST.Pattern): PatternProgram {
    const start = this.#anyOf(alternatives, this.#add({ kind: 'match' }))
    const word = this.#words ? this.#set('\\w') : undefined
    const sets = [...this.#sets.keys()].map((raw) => new RegExp(`^${raw}$`, 'u'))
    return { states: this.#states, start, sets, word }
  }

  #add(state: PatternState): number {
    this.#states.push(state)
    if (this.#states.length > maxStates) throw tooManyStates()
    return this.#states.length - 1
  }

  /** Counts visits too: nested repetitions of something empty add no states but take time. */
  #visit(): void {
    this.#visited += 1
    if (this.#visited > 2 * maxStates) throw tooManyStates()
  }

  #anyOf(alternatives: readonly AST.Alternative[], next: number): number {
    return alternatives
      .map(({ elements }) => elements.reduceRight((after, element) => this.#element(element, after), next))
      .reduceRight((or, first) => this.#add({ kind: 'split', next: first, or }))
  }

  #element(element: AST.Element, next: number): number {
    this.#visit()
    switch (element.type) {
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
        return this.#add({ kind: 'set', set: this.#set(element.raw), next })
      case 'Group':
      case 'CapturingGroup':
        return this.#anyOf(element.alternatives, next)
      case 'Quantifier':
        return this.#repeat(element, next)
      case 'Assertion':
        return this.#assert(element, next)
      default:
        throw new PatternError(`a pattern without back-references, such as ${element.raw}`)
    }
  }

  #repeat({ element, min, max }: AST.Quantifier, next: number): number {
    let entry = next
    if (max === Number.POSITIVE_INFINITY) {
      const loop: PatternState & { kind: 'split' } = { kind: 'split', next, or: next }
      entry = this.#add(loop)
      loop.next = this.#element(element, entry)
    } else
      for (let count = min; count < max; count += 1)
        entry = this.#add({ kind: 'split', next: this.#element(element, entry), or: next })
    for (let count = 0; count < min; count += 1) entry = this.#element(element, entry)
    return entry
  }

  #assert(assertion: AST.Assertion, next: number): number {
    switch (assertion.kind) {
      case 'start':
      case 'end':
        return this.#add({ kind: 'assert', assertion: assertion.kind, next })
      case 'word':
        this.#words = true
        return this.#add({ kind: 'assert', assertion: assertion.negate ? 'not-word' : 'word', next })
      default:
        throw new PatternError(
          `a pattern without look-around, such as ${assertion.raw} (use several patterns under allOf, or not)`,
        )
    }
  }

  #set(raw: string): number {
    const known = this.#sets.get(raw)
    if (known !== undefined) return known
    this.#sets.set(raw, this.#sets.size)
    return this.#sets.size - 1
  }
}

function tooManyStates(): PatternError {
  return new PatternError(
    `a pattern with at most ${maxStates} states (use minLength and maxLength for large counts)`,
  )
}
