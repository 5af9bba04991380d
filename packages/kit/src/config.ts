import { ConfigError } from './config-error.ts'
import { type ConfigOf, isRefusal, type Option, type OptionTable, REQUIRED, type Setting } from './option.ts'
import { type Environment, settingsOf } from './settings.ts'

/** Validates a table at load time: names must be unique, kebab-case and not reserved. Returns it frozen. */
export function defineOptions<const Table extends OptionTable>(table: Table): Table {
  const names = new Set(['config', 'help'])
  for (const { name, style } of Object.values(table)) {
    const all = style === 'secret' ? [name, `${name}-file`] : [name]
    for (const one of all) {
      if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(one)) throw new TypeError(`--${one} is not in kebab-case`)
      if (names.has(one)) throw new TypeError(`--${one} is declared twice`)
      names.add(one)
    }
  }
  return Object.freeze(table)
}

/**
 * Reads every option. Flags take precedence over the environment (`FRESHET_…`), then the file (`--config PATH`, a JSON
 * object), then the default. The result is complete and frozen.
 * @throws {ConfigError} with source, value and expectation. Messages never contain the value of a secret.
 */
export function readConfig<Table extends OptionTable>(
  table: Table,
  environment: Environment,
): ConfigOf<Table> {
  const settings = settingsOf(Object.values(table), environment)
  const entries = Object.entries(table).map(([key, option]) => [
    key,
    valueOf(option, settings.get(option.name)),
  ])
  return Object.freeze(Object.fromEntries(entries)) as ConfigOf<Table>
}

function valueOf(option: Option<unknown>, setting: Setting | undefined): unknown {
  if (!setting) {
    if (option.defaultValue !== REQUIRED) return option.defaultValue
    const ways = option.style === 'secret' ? `--${option.name}-file` : `--${option.name}`
    throw new ConfigError('MISSING', `${ways} is missing: ${option.description}`)
  }
  const value = option.parse(setting.text)
  if (!isRefusal(value)) return value
  const got = option.style === 'secret' ? 'a value that is not shown here' : JSON.stringify(setting.text)
  throw new ConfigError('BAD_VALUE', `${setting.source} is ${got}; expected ${value.expected}.`)
}
