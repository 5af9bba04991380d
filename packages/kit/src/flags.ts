import { ConfigError } from './config-error.ts'
import type { Option, Setting } from './option.ts'

type Names = ReadonlyMap<string, Option<unknown>['style']>

/** Parses a command line: `--name value`, `--name=value`, and `--name` alone for true. Anything else is an error. */
export function readFlags(argv: readonly string[], names: Names): Map<string, Setting> {
  const flags = new Map<string, Setting>()
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(word)
    const name = match?.[1] ?? ''
    const style = names.get(name)
    if (style === undefined)
      throw new ConfigError(
        'UNKNOWN',
        `The argument ${JSON.stringify(named(word))} does not match any option.`,
      )
    const where = `--${name}`
    if (flags.has(name)) throw new ConfigError('CONFLICT', `${where} is set twice; expected one value.`)
    if (style === 'secret')
      throw new ConfigError(
        'BAD_VALUE',
        `${where} is a secret, and other users can see the command line; expected ${where}-file.`,
      )
    let text = match?.[2]
    if (text === undefined && style === 'flag') text = 'true'
    if (text === undefined) {
      text = argv[++at]
      if (text === undefined || text.startsWith('--'))
        throw new ConfigError(
          'BAD_VALUE',
          `${where} has no value; expected ${where} VALUE or ${where}=VALUE.`,
        )
    }
    flags.set(name, { source: where, text })
  }
  return flags
}

/** Strips the value, which may be a secret under a misspelled name. */
function named(word: string): string {
  return word.split('=', 1)[0] ?? ''
}
