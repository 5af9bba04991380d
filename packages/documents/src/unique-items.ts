import type { JsonValue } from './contract.ts'
import type { Steps } from './steps.ts'

/** What it costs to number a value, beside its text. */
const stepsPerValue = 15

/**
 * Finds equal items. Equal values get one number, as JSON Schema says: the order of names does not count. The text by
 * which a number is found has the numbers of what is inside, and containers keep theirs until the end of the check, so
 * that a tree costs no more than its values, at however many levels its items shall be unique. Pairs are never compared,
 * which took ajv 7 s for 20,000 small objects.
 */
export class UniqueItems {
  readonly #steps: Steps
  readonly #numbers = new Map<string, number>()
  readonly #containers = new Map<object, number>()

  constructor(steps: Steps) {
    this.#steps = steps
  }

  /** The check is over: the next document has other containers. */
  forget(): void {
    this.#numbers.clear()
    this.#containers.clear()
  }

  /** The first item before which an equal one stands, as places of both; `undefined`: all are different. @throws {TooManySteps} */
  firstRepeated(items: readonly JsonValue[]): readonly [number, number] | undefined {
    const places = new Map<number, number>()
    for (const [place, item] of items.entries()) {
      const number = this.#numberOf(item)
      const before = places.get(number)
      if (before !== undefined) return [before, place]
      places.set(number, place)
    }
    return undefined
  }

  /** Bodies have at most 64 levels. */
  #numberOf(value: JsonValue): number {
    this.#steps.take(stepsPerValue)
    if (typeof value !== 'object' || value === null) return this.#numberOfText(scalarText(value))
    const known = this.#containers.get(value)
    if (known !== undefined) return known
    const number = this.#numberOfText(this.#containerText(value))
    this.#containers.set(value, number)
    return number
  }

  #numberOfText(text: string): number {
    this.#steps.take(text.length)
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(text, number)
    return number
  }

  #containerText(value: object & JsonValue): string {
    if (Array.isArray(value)) return `[${value.map((inner) => this.#numberOf(inner)).join(',')}`
    const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${this.#numberOf(inner)}`).join(',')}`
  }
}

/** The first character tells the kinds apart. */
function scalarText(value: string | number | boolean | null): string {
  return typeof value === 'string' ? `"${value}` : `=${String(value)}`
}
