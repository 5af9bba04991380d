/** In place of a default: the option is required. */
export const REQUIRED: unique symbol = Symbol('required')

/** The default of an option: a value, none, or `REQUIRED`. */
export type Default<T> = T | undefined | typeof REQUIRED

/** The type of an option's value; includes `undefined` if that is the default. */
export type Parsed<T, F> = F extends undefined ? T | undefined : T

/** Why a value is invalid; `expected` completes the sentence "expected …". */
export interface Refusal {
  readonly expected: string
}

/**
 * One configuration option. The name `cache-size` is the flag `--cache-size`, the variable `FRESHET_CACHE_SIZE` and the key
 * `"cache-size"` in the configuration file.
 */
export interface Option<T> {
  readonly name: string
  /** One sentence for `--help` and the documentation. */
  readonly description: string
  /** The placeholder in `--help`, such as `SIZE`. */
  readonly placeholder: string
  readonly defaultValue: Default<T>
  /** A flag without a value means true. A secret is never accepted directly on the command line or in the file. */
  readonly style: 'value' | 'flag' | 'secret'
  /** Parses text from a flag, a variable or the file. */
  readonly parse: (text: string) => T | Refusal
  /** The inverse of `parse`, for help. A method, so that options of any type fit into one table. */
  format(value: T): string
}

/** The options of a program, keyed by their names in its code. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>

/** The result of `readConfig`: complete and frozen. */
export type ConfigOf<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Option<infer T> ? T : never
}

/** Distinguishes a refusal from a value. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'expected' in value
}

/** The text of one setting, and its source for messages. */
export interface Setting {
  readonly source: string
  readonly text: string
}
