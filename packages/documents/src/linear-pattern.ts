import { patternProgram, type PatternProgram } from './pattern-program.ts'
import type { Steps } from './steps.ts'

/** Maximum NFA states in all cached DFA states together. Beyond that, the cache is cleared. */
const maxCachedStates = 50_000

/** Maximum cached non-ASCII characters and character classes. */
const maxCachedCharacters = 5_000

/** Visiting an NFA state costs about ten times as much as a cached transition. */
const stepsPerState = 10

/** What precedes a character, which decides `^` and `\b`. */
type Before = 'start' | 'word' | 'other'

/** Characters that belong to the same sets. */
interface CharacterClass {
  readonly id: number
  readonly sets: readonly boolean[]
  readonly word: boolean
}

/** A DFA state: all NFA states that may be active at once. The next one depends only on the next character. */
interface DfaState {
  readonly places: readonly number[]
  readonly before: Before
  /** Transitions by the id of the next character's class; `undefined` until first taken. */
  readonly after: (DfaState | undefined)[]
}

const END: CharacterClass = { id: 0, sets: [], word: false }

/**
 * A regular expression that matches in time linear in the text: one step per character for cached transitions, and at
 * most one per NFA state otherwise. There is no backtracking. Builds the DFA lazily.
 * https://swtch.com/~rsc/regexp/regexp1.html
 */
export class LinearPattern {
  readonly source: string
  readonly #program: PatternProgram
  readonly #steps: Steps
  readonly #ascii: (CharacterClass | undefined)[] = []
  readonly #beyond = new Map<number, CharacterClass>()
  readonly #kinds = new Map<string, CharacterClass>()
  readonly #heres = new Map<string, DfaState>()
  #remembered = 0
  /** Never reused: states may still have transitions by ids from before the cache was cleared. */
  #nextId = 1
  /** For each NFA state, the number of the traversal that visited it last. */
  readonly #seen: Float64Array
  #look = 0
  readonly #matched: DfaState = { places: [], before: 'other', after: [] }
  readonly #failed: DfaState = { places: [], before: 'other', after: [] }

  /** @throws {PatternError} see `patternProgram` */
  constructor(source: string, steps: Steps) {
    this.source = source
    this.#program = patternProgram(source)
    this.#seen = new Float64Array(this.#program.states.length)
    this.#steps = steps
  }

  /** Whether it matches anywhere in the text. @throws {TooManySteps} */
  test(text: string): boolean {
    let here = this.#here([], 'start')
    for (let at = 0; at < text.length;) {
      const point = text.codePointAt(at) ?? 0
      at += point > 0xffff ? 2 : 1
      this.#steps.take(1)
      here = this.#next(here, this.#kindOf(point))
      if (here === this.#matched) return true
    }
    return this.#next(here, END) === this.#matched
  }

  /** Ajv uses this to tell patterns apart. */
  toString(): string {
    return this.source
  }

  #next(here: DfaState, kind: CharacterClass): DfaState {
    const known = here.after[kind.id]
    if (known !== undefined) return known
    const next = this.#advance(here, kind)
    here.after[kind.id] = next
    return next
  }

  /** Follows each active state, plus the start state: a match may begin at any character. */
  #advance({ places, before }: DfaState, kind: CharacterClass): DfaState {
    const { states, start } = this.#program
    const open = [start, ...places]
    const seen = this.#seen
    this.#look += 1
    for (const place of open) seen[place] = this.#look
    const next = new Set<number>()
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      this.#steps.take(stepsPerState)
      const state = states[place]
      if (state === undefined) throw new RangeError(`expected a state at ${place}`)
      if (state.kind === 'match') return this.#matched
      if (state.kind === 'set') {
        if (kind.sets[state.set] === true) next.add(state.next)
        continue
      }
      const ways =
        state.kind === 'split'
          ? [state.next, state.or]
          : holds(state.assertion, before, kind)
            ? [state.next]
            : []
      for (const way of ways) {
        if (seen[way] === this.#look) continue
        seen[way] = this.#look
        open.push(way)
      }
    }
    if (kind === END) return this.#failed
    return this.#here(
      [...next].toSorted((a, b) => a - b),
      kind.word ? 'word' : 'other',
    )
  }

  #here(places: readonly number[], before: Before): DfaState {
    const key = `${before} ${places.join(' ')}`
    const known = this.#heres.get(key)
    if (known !== undefined) return known
    this.#remembered += places.length + 1
    if (this.#remembered > maxCachedStates) this.#forget()
    const here: DfaState = { places, before, after: [] }
    this.#heres.set(key, here)
    return here
  }

  #kindOf(point: number): CharacterClass {
    const known = point < 128 ? this.#ascii[point] : this.#beyond.get(point)
    if (known !== undefined) return known
    const { sets, word } = this.#program
    this.#steps.take(sets.length * stepsPerState)
    const character = String.fromCodePoint(point)
    const within = sets.map((set) => set.test(character))
    const name = within.map(Number).join('')
    if (this.#beyond.size + this.#kinds.size > maxCachedCharacters) this.#forget()
    const kind =
      this.#kinds.get(name) ?? this.#newKind(name, within, word !== undefined && within[word] === true)
    if (point < 128) this.#ascii[point] = kind
    else this.#beyond.set(point, kind)
    return kind
  }

  #newKind(name: string, sets: readonly boolean[], word: boolean): CharacterClass {
    const kind = { id: this.#nextId, sets, word }
    this.#nextId += 1
    this.#kinds.set(name, kind)
    return kind
  }

  #forget(): void {
    this.#remembered = 0
    this.#heres.clear()
    this.#kinds.clear()
    this.#beyond.clear()
    this.#ascii.length = 0
  }
}

function holds(
  assertion: 'start' | 'end' | 'word' | 'not-word',
  before: Before,
  kind: CharacterClass,
): boolean {
  switch (assertion) {
    case 'start':
      return before === 'start'
    case 'end':
      return kind === END
    case 'word':
      return (before === 'word') !== kind.word
    case 'not-word':
      return (before === 'word') === kind.word
  }
}
