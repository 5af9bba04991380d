import type { Fallback, Option, Outcome, Refusal } from './option.ts'
import { isRefusal } from './option.ts'
import type { REQUIRED } from './option.ts'

const times = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** Beyond it a timer of Node.js fires at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * A duration in milliseconds, written with its unit: `250ms`, `5s`, `2m`, `1h`, `1d`; `0` needs none. At most what a
 * timer can wait, unless `max` says otherwise, for one that no timer waits.
 */
export function ms<const F extends Fallback<number>>(
  name: string,
  fallback: F,
  says: string,
  { min = 0, max = LONGEST_TIMER_MS }: { readonly min?: number; readonly max?: number } = {},
): Option<Outcome<number, F>> {
  return measured(name, fallback, says, 'DURATION', { units: times, min, max })
}

/** A number of bytes, written with its unit: `512B`, `64KiB`, `64MiB`, `2GiB`; `0` needs none. */
export function bytes<const F extends Fallback<number>>(
  name: string,
  fallback: F,
  says: string,
  { min = 0 }: { readonly min?: number } = {},
): Option<Outcome<number, F>> {
  return measured(name, fallback, says, 'SIZE', { units: sizes, min, max: Number.MAX_SAFE_INTEGER })
}

/** A whole number within limits; both ends belong to it. */
export function count<const F extends Fallback<number>>(
  name: string,
  fallback: F,
  says: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): Option<Outcome<number, F>> {
  const wants = `a whole number from ${min} to ${max}`
  const read = (text: string): number | Refusal => {
    const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? number : { wants }
  }
  return value(name, fallback, says, 'N', read, String)
}

/** Any text but the empty one. */
export function text<const F extends Fallback<string>>(
  name: string,
  fallback: F,
  says: string,
): Option<Outcome<string, F>> {
  return value(name, fallback, says, 'TEXT', notEmpty, String)
}

/** One of a few words. */
export function choice<const Word extends string>(
  name: string,
  words: readonly Word[],
  fallback: NoInfer<Word>,
  says: string,
): Option<Word> {
  const wants = `one of ${words.join(', ')}`
  return value<Word, Word>(
    name,
    fallback,
    says,
    words.join('|'),
    (given) => words.find((word) => word === given) ?? { wants },
    String,
  )
}

/** Yes or no; no unless given. `--name` alone is yes; everywhere else `true` or `false`. */
export function flag(name: string, says: string): Option<boolean> {
  const read = (given: string): boolean | Refusal => {
    if (given === 'true' || given === 'false') return given === 'true'
    return { wants: 'true or false' }
  }
  return { name, says, form: '', fallback: false, style: 'flag', read, show: String }
}

/**
 * Texts with commas between them (in the file also an array); empty unless given. `item` reads each of them, and may
 * refuse it.
 */
export function list(
  name: string,
  says: string,
  item: (text: string) => string | Refusal = notEmpty,
): Option<readonly string[]> {
  const read = (given: string): readonly string[] | Refusal => {
    const items: string[] = []
    for (const text of given === '' ? [] : given.split(',')) {
      if (text.trim() === '') return { wants: 'texts with commas between them, none of them empty' }
      const one = item(text.trim())
      if (isRefusal(one)) return one
      items.push(one)
    }
    return Object.freeze(items)
  }
  return {
    name,
    says,
    form: 'LIST',
    fallback: Object.freeze([]),
    style: 'value',
    read,
    show: (items) => items.join(','),
  }
}

/** An http or https URL, as the text in its normal form. */
export function url<const F extends Fallback<string>>(
  name: string,
  fallback: F,
  says: string,
): Option<Outcome<string, F>> {
  const read = (given: string): string | Refusal => {
    const parsed = URL.canParse(given) ? new URL(given) : undefined
    if (parsed && /^https?:$/.test(parsed.protocol)) return parsed.href
    return { wants: 'an http or https URL' }
  }
  return value(name, fallback, says, 'URL', read, String)
}

/**
 * Something that must not be seen: given as a file (`--name-file PATH`, `FRESHET_NAME_FILE`, `"name-file"`), whose
 * last line break is dropped, or as the variable itself. Never as a flag: other users see the command line.
 */
export function secret<const F extends undefined | typeof REQUIRED>(
  name: string,
  fallback: F,
  says: string,
): Option<Outcome<string, F>> {
  const read = (given: string): string | Refusal =>
    given === '' ? { wants: 'a text that is not empty' } : given
  return { ...value(name, fallback, says, 'PATH', read, () => '(secret)'), style: 'secret' }
}

function notEmpty(given: string): string | Refusal {
  return given === '' ? { wants: 'a text that is not empty' } : given
}

function value<T, F extends Fallback<T>>(
  name: string,
  fallback: F,
  says: string,
  form: string,
  read: (text: string) => T | Refusal,
  show: (value: T) => string,
): Option<Outcome<T, F>> {
  const option: Option<T> = { name, says, form, fallback, style: 'value', read, show }
  // `undefined` reaches the result only by being the fallback, which is what Outcome says.
  return option
}

interface Measure {
  readonly units: Readonly<Record<string, number>>
  /** In the smallest unit; both ends belong to it. */
  readonly min: number
  readonly max: number
}

function measured<const F extends Fallback<number>>(
  name: string,
  fallback: F,
  says: string,
  form: string,
  measure: Measure,
): Option<Outcome<number, F>> {
  const read = (given: string): number | Refusal => amountIn(given, measure)
  return value(name, fallback, says, form, read, (amount) => withUnit(amount, measure.units))
}

function amountIn(given: string, { units, min, max }: Measure): number | Refusal {
  const names = Object.keys(units).join(', ')
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]*)$/.exec(given) ?? []
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  const amount =
    factor === undefined && unit === '' && Number(digits) === 0 ? 0 : Number(digits) * (factor ?? NaN)
  if (digits === '' || Number.isNaN(amount)) return { wants: `a whole number with a unit: ${names}` }
  if (amount >= min && amount <= max) return amount
  return {
    wants: `a whole number with a unit (${names}), from ${withUnit(min, units)} to ${withUnit(max, units)}`,
  }
}

/** The largest unit that gives a whole number. */
function withUnit(amount: number, units: Readonly<Record<string, number>>): string {
  if (amount === 0) return '0'
  const fitting = Object.entries(units).filter(([, factor]) => amount % factor === 0)
  const [unit, factor] = fitting.at(-1) ?? ['', 1]
  return `${amount / factor}${unit}`
}
