/** An option that has no default and must be given. */
export const REQUIRED: unique symbol = Symbol('required')

/** What stands where a default would: a value, nothing, or the demand for one. */
export type Default<T> = T | undefined | typeof REQUIRED

/** What reading an option gives: the value, or also `undefined` when that is its default. */
export type Parsed<T, F> = F extends undefined ? T | undefined : T

/** A value that is not what the option wants; `wants` completes the sentence "…; it wants". */
export interface Refusal {
  readonly expected: string
}

/**
 * One thing that an operator may set. Its `name` is the flag `--cache-size`, the variable `FRESHET_CACHE_SIZE` and the
 * key `"cache-size"` of the configuration file.
 */
export interface Option<T> {
  readonly name: string
  /** One sentence for `--help` and the documentation. */
  readonly description: string
  /** The placeholder of `--help`: `SIZE`. */
  readonly placeholder: string
  readonly defaultValue: Default<T>
  /** A flag without a value means yes; a secret is never given on the command line or in the file as such. */
  readonly style: 'value' | 'flag' | 'secret'
  /** Reads text from a flag, a variable or the file. */
  readonly parse: (text: string) => T | Refusal
  /** The text that would be read as `value`; for help. A method, so that options of any type fit one table. */
  format(value: T): string
}

/** The options of a program, by the names that its code uses. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>

/** What `readConfig` makes of a table: frozen, complete. */
export type ConfigOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? T : never
}

/** Tells a refusal from a value. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'expected' in value
}
