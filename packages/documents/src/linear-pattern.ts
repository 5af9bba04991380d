import { patternProgram, type PatternProgram } from './pattern-program.ts'
import type { Steps } from './steps.ts'

/** So many places of states are remembered for all that was met, together; then all is forgotten. */
const maxRemembered = 50_000

/** So many characters beyond ASCII, and kinds of characters, are remembered. */
const maxCharacters = 5_000

/** To look at a state costs about ten times what a known way does. */
const stepsPerState = 10

/** What stands before a character: it decides about `^` and `\b`. */
type Before = 'start' | 'word' | 'other'

/** Characters that are in the same sets. */
interface Kind {
  readonly id: number
  readonly sets: readonly boolean[]
  readonly word: boolean
}

/** All places at which the automaton may be at once: then what comes next depends on the next character alone. */
interface Here {
  readonly places: readonly number[]
  readonly before: Before
  /** By the id of the kind of the next character; `undefined`: never met. */
  readonly after: (Here | undefined)[]
}

const END: Kind = { id: 0, sets: [], word: false }

/**
 * A regular expression whose test takes a number of steps that grows with the length of the text alone: one for each
 * character where the way is known, and never more than there are states. Nothing is tried twice, so nothing explodes.
 * Ways are found when they are needed, and remembered. https://swtch.com/~rsc/regexp/regexp1.html
 */
export class LinearPattern {
  readonly source: string
  readonly #program: PatternProgram
  readonly #steps: Steps
  readonly #ascii: (Kind | undefined)[] = []
  readonly #beyond = new Map<number, Kind>()
  readonly #kinds = new Map<string, Kind>()
  readonly #heres = new Map<string, Here>()
  #remembered = 0
  /** Never used twice: a place may still know the way by an id from before it was forgotten. */
  #nextId = 1
  /** For each state the number of the look in which it was seen last. */
  readonly #seen: Float64Array
  #look = 0
  readonly #matched: Here = { places: [], before: 'other', after: [] }
  readonly #failed: Here = { places: [], before: 'other', after: [] }

  /** @throws {PatternError} see `patternProgram` */
  constructor(source: string, steps: Steps) {
    this.source = source
    this.#program = patternProgram(source)
    this.#seen = new Float64Array(this.#program.states.length)
    this.#steps = steps
  }

  /** Whether it matches somewhere in the text. @throws {TooManySteps} */
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

  /** By this name ajv tells patterns apart. */
  toString(): string {
    return this.source
  }

  #next(here: Here, kind: Kind): Here {
    const known = here.after[kind.id]
    if (known !== undefined) return known
    const next = this.#advance(here, kind)
    here.after[kind.id] = next
    return next
  }

  /** Every place, and the beginning once more: a match may begin at each character. */
  #advance({ places, before }: Here, kind: Kind): Here {
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

  #here(places: readonly number[], before: Before): Here {
    const key = `${before} ${places.join(' ')}`
    const known = this.#heres.get(key)
    if (known !== undefined) return known
    this.#remembered += places.length + 1
    if (this.#remembered > maxRemembered) this.#forget()
    const here: Here = { places, before, after: [] }
    this.#heres.set(key, here)
    return here
  }

  #kindOf(point: number): Kind {
    const known = point < 128 ? this.#ascii[point] : this.#beyond.get(point)
    if (known !== undefined) return known
    const { sets, word } = this.#program
    this.#steps.take(sets.length * stepsPerState)
    const character = String.fromCodePoint(point)
    const within = sets.map((set) => set.test(character))
    const name = within.map(Number).join('')
    if (this.#beyond.size + this.#kinds.size > maxCharacters) this.#forget()
    const kind =
      this.#kinds.get(name) ?? this.#newKind(name, within, word !== undefined && within[word] === true)
    if (point < 128) this.#ascii[point] = kind
    else this.#beyond.set(point, kind)
    return kind
  }

  #newKind(name: string, sets: readonly boolean[], word: boolean): Kind {
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

function holds(assertion: 'start' | 'end' | 'word' | 'not-word', before: Before, kind: Kind): boolean {
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
