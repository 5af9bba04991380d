import { ConfigError } from './config-error.ts'
import type { Option, OptionTable, Setting } from './option.ts'
import { readFlags } from './flags.ts'

/** The environment of the process; only `main.ts` reads it from `process`. */
export interface Environment {
  /** `process.argv.slice(2)`. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file as UTF-8; throws if it cannot be read. */
  readonly readFile: (path: string) => string
}

const PREFIX = 'FRESHET_'

/** All settings by option name. Flags take precedence over the environment, and the environment over the file. */
export function settingsOf(
  options: readonly Option<unknown>[],
  from: Environment,
): ReadonlyMap<string, Setting> {
  const names = new Map<string, Option<unknown>['style']>([['config', 'value']])
  for (const { name, style } of options) {
    names.set(name, style)
    if (style === 'secret') names.set(`${name}-file`, 'value')
  }
  const flags = readFlags(from.argv, names)
  const variables = readVariables(from.env, names)
  const config = flags.get('config') ?? variables.get('config')
  const keys = config ? readKeys(config, names, from.readFile) : new Map<string, Setting>()
  const settings = new Map([...keys, ...variables, ...flags])
  for (const { name, style } of options)
    if (style === 'secret') insertSecret(name, [flags, variables, keys], settings, from.readFile)
  return settings
}

function readVariables(env: Environment['env'], names: ReadonlyMap<string, unknown>): Map<string, Setting> {
  const variables = new Map<string, Setting>()
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined) continue
    const name = variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-')
    if (!names.has(name) || variableOf(name) !== variable)
      throw new ConfigError('UNKNOWN', `The environment variable ${variable} does not match any option.`)
    variables.set(name, { source: `The environment variable ${variable}`, text })
  }
  return variables
}

/** The environment variable of an option: `cache-size` is `FRESHET_CACHE_SIZE`. */
export function variableOf(name: string): string {
  return PREFIX + name.toUpperCase().replaceAll('-', '_')
}

/** All environment variables of a table. */
export function variablesOf(table: OptionTable): readonly string[] {
  const names = Object.values(table).flatMap(({ name, style }) =>
    style === 'secret' ? [name, `${name}-file`] : [name],
  )
  return ['config', ...names].map(variableOf)
}

function readKeys(
  config: Setting,
  names: ReadonlyMap<string, Option<unknown>['style']>,
  readFile: Environment['readFile'],
): Map<string, Setting> {
  const path = config.text
  const keys = new Map<string, Setting>()
  for (const [name, value] of Object.entries(parseObject(path, contentOf(config, readFile)))) {
    const source = `"${name}" in ${path}`
    if (name === 'config' || !names.has(name))
      throw new ConfigError('UNKNOWN', `${source} does not match any option.`)
    if (names.get(name) === 'secret')
      throw new ConfigError(
        'BAD_VALUE',
        `${source} is a secret in a file that is not; expected "${name}-file".`,
      )
    keys.set(name, { source, text: textOf(source, value) })
  }
  return keys
}

function textOf(source: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  // A comma inside an element would split it in two.
  if (Array.isArray(value) && value.every((item) => typeof item === 'string' && !item.includes(',')))
    return value.join(',')
  throw new ConfigError(
    'BAD_VALUE',
    `${source} is ${JSON.stringify(value)}; expected a string, a number, true, false or an array of strings.`,
  )
}

function parseObject(path: string, content: string): object {
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch (cause) {
    throw new ConfigError('BAD_FILE', `${path} is not JSON.`, { cause })
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  throw new ConfigError('BAD_FILE', `${path} contains JSON that is not an object.`)
}

/** Resolves a secret from its file or its variable, from the place that takes precedence. */
function insertSecret(
  name: string,
  places: readonly ReadonlyMap<string, Setting>[],
  settings: Map<string, Setting>,
  readFile: Environment['readFile'],
): void {
  for (const place of places) {
    const direct = place.get(name)
    const file = place.get(`${name}-file`)
    if (direct && file)
      throw new ConfigError(
        'CONFLICT',
        `${direct.source} and ${file.source} are both set; expected only one of them.`,
      )
    if (direct) return void settings.set(name, direct)
    if (!file) continue
    const text = contentOf(file, readFile).replace(/\r?\n$/, '')
    return void settings.set(name, { source: `The file ${file.text}`, text })
  }
}

function contentOf(file: Setting, readFile: Environment['readFile']): string {
  try {
    return readFile(file.text)
  } catch (cause) {
    throw new ConfigError(
      'UNREADABLE',
      `${file.source} names ${JSON.stringify(file.text)}, which cannot be read.`,
      { cause },
    )
  }
}
