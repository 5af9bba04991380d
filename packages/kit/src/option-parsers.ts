import type { Default, Option, Parsed, Refusal } from './option.ts'
import { isRefusal } from './option.ts'
import type { REQUIRED } from './option.ts'

const times = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

/** A longer timer fires immediately in Node.js: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * A duration in milliseconds, written with a unit: `250ms`, `5s`, `2m`, `1h`, `1d`, or a bare `0`. The default maximum
 * is the longest timer; raise `max` only for durations that are never passed to a timer.
 */
export function ms<const F extends Default<number>>(
  name: string,
  defaultValue: F,
  description: string,
  { min = 0, max = LONGEST_TIMER_MS }: { readonly min?: number; readonly max?: number } = {},
): Option<Parsed<number, F>> {
  return measured(name, defaultValue, description, 'DURATION', { units: times, min, max })
}

/** A number of bytes, written with a unit: `512B`, `64KiB`, `64MiB`, `2GiB`, or a bare `0`. */
export function bytes<const F extends Default<number>>(
  name: string,
  defaultValue: F,
  description: string,
  { min = 0 }: { readonly min?: number } = {},
): Option<Parsed<number, F>> {
  return measured(name, defaultValue, description, 'SIZE', {
    units: sizes,
    min,
    max: Number.MAX_SAFE_INTEGER,
  })
}

/** An integer from `min` to `max`, inclusive. */
export function count<const F extends Default<number>>(
  name: string,
  defaultValue: F,
  description: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { readonly min?: number; readonly max?: number } = {},
): Option<Parsed<number, F>> {
  const expected = `an integer from ${min} to ${max}`
  const parse = (text: string): number | Refusal => {
    const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? number : { expected }
  }
  return value(name, defaultValue, description, 'N', parse, String)
}

/** A non-empty string. */
export function text<const F extends Default<string>>(
  name: string,
  defaultValue: F,
  description: string,
): Option<Parsed<string, F>> {
  return value(name, defaultValue, description, 'TEXT', notEmpty, String)
}

/** One of a fixed set of words. */
export function choice<const Word extends string>(
  name: string,
  words: readonly Word[],
  defaultValue: NoInfer<Word>,
  description: string,
): Option<Word> {
  const expected = `one of ${words.join(', ')}`
  return value<Word, Word>(
    name,
    defaultValue,
    description,
    words.join('|'),
    (input) => words.find((word) => word === input) ?? { expected },
    String,
  )
}

/** A boolean, false by default. `--name` alone means true; otherwise the value must be `true` or `false`. */
export function flag(name: string, description: string): Option<boolean> {
  const parse = (input: string): boolean | Refusal => {
    if (input === 'true' || input === 'false') return input === 'true'
    return { expected: 'true or false' }
  }
  return {
    name,
    description,
    placeholder: '',
    defaultValue: false,
    style: 'flag',
    parse,
    format: String,
  }
}

/** Comma-separated values, or an array in the file; empty by default. `item` validates and may normalize each value. */
export function list(
  name: string,
  description: string,
  item: (text: string) => string | Refusal = notEmpty,
): Option<readonly string[]> {
  const parse = (input: string): readonly string[] | Refusal => {
    const items: string[] = []
    for (const text of input === '' ? [] : input.split(',')) {
      if (text.trim() === '') return { expected: 'comma-separated values, none of them empty' }
      const one = item(text.trim())
      if (isRefusal(one)) return one
      items.push(one)
    }
    return Object.freeze(items)
  }
  return {
    name,
    description,
    placeholder: 'LIST',
    defaultValue: Object.freeze([]),
    style: 'value',
    parse,
    format: (items) => items.join(','),
  }
}

/** An http or https URL, returned in normalized form. */
export function url<const F extends Default<string>>(
  name: string,
  defaultValue: F,
  description: string,
): Option<Parsed<string, F>> {
  const parse = (input: string): string | Refusal => {
    const parsed = URL.canParse(input) ? new URL(input) : undefined
    if (parsed && /^https?:$/.test(parsed.protocol)) return parsed.href
    return { expected: 'an http or https URL' }
  }
  return value(name, defaultValue, description, 'URL', parse, String)
}

/**
 * A secret, read from a file (`--name-file PATH`, `FRESHET_NAME_FILE`, `"name-file"`; the final line break is dropped) or
 * directly from the environment variable. Never accepted as a flag: other users can see the command line.
 */
export function secret<const F extends undefined | typeof REQUIRED>(
  name: string,
  defaultValue: F,
  description: string,
): Option<Parsed<string, F>> {
  const parse = (input: string): string | Refusal =>
    input === '' ? { expected: 'a non-empty string' } : input
  return { ...value(name, defaultValue, description, 'PATH', parse, () => '(secret)'), style: 'secret' }
}

function notEmpty(input: string): string | Refusal {
  return input === '' ? { expected: 'a non-empty string' } : input
}

function value<T, F extends Default<T>>(
  name: string,
  defaultValue: F,
  description: string,
  placeholder: string,
  parse: (text: string) => T | Refusal,
  format: (value: T) => string,
): Option<Parsed<T, F>> {
  const option: Option<T> = {
    name,
    description,
    placeholder,
    defaultValue,
    style: 'value',
    parse,
    format,
  }
  // The value is `undefined` only when that is the default, which is what Parsed states.
  return option
}

interface Measure {
  readonly units: Readonly<Record<string, number>>
  /** In the smallest unit. Both limits are inclusive. */
  readonly min: number
  readonly max: number
}

function measured<const F extends Default<number>>(
  name: string,
  defaultValue: F,
  description: string,
  placeholder: string,
  measure: Measure,
): Option<Parsed<number, F>> {
  const parse = (input: string): number | Refusal => amountIn(input, measure)
  return value(name, defaultValue, description, placeholder, parse, (amount) =>
    withUnit(amount, measure.units),
  )
}

function amountIn(input: string, { units, min, max }: Measure): number | Refusal {
  const names = Object.keys(units).join(', ')
  const [, digits = '', unit = ''] = /^(\d{1,15})([A-Za-z]*)$/.exec(input) ?? []
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  const amount =
    factor === undefined && unit === '' && Number(digits) === 0 ? 0 : Number(digits) * (factor ?? NaN)
  if (digits === '' || Number.isNaN(amount)) return { expected: `an integer with a unit: ${names}` }
  if (amount >= min && amount <= max) return amount
  return {
    expected: `an integer with a unit (${names}), from ${withUnit(min, units)} to ${withUnit(max, units)}`,
  }
}

/** Uses the largest unit that gives an integer. */
function withUnit(amount: number, units: Readonly<Record<string, number>>): string {
  if (amount === 0) return '0'
  const fitting = Object.entries(units).filter(([, factor]) => amount % factor === 0)
  const [unit, factor] = fitting.at(-1) ?? ['', 1]
  return `${amount / factor}${unit}`
}
