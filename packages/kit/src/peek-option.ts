import type { Option } from './option.ts'
import { isRefusal, REQUIRED } from './option.ts'
import { variableOf, type Environment } from './settings.ts'

/**
 * The value of one option, for a program that runs before the table of all options is loaded. Sources as in `readConfig`;
 * other options are ignored. `undefined` if it is missing, invalid, or its file cannot be read: `readConfig` reports that.
 */
export function peekOption<T>(option: Option<T>, environment: Environment): T | undefined {
  const text = textOf(option.name, environment)
  if (text === undefined) return option.defaultValue === REQUIRED ? undefined : option.defaultValue
  const value = option.parse(text)
  return isRefusal(value) ? undefined : value
}

function textOf(name: string, environment: Environment): string | undefined {
  return setting(name, environment) ?? keyOf(name, environment)
}

/** From a flag or a variable. */
function setting(name: string, { argv, env }: Environment): string | undefined {
  const flag = `--${name}`
  const at = argv.indexOf(flag)
  const word = argv.find((one) => one.startsWith(`${flag}=`))
  return word?.slice(flag.length + 1) ?? (at < 0 ? env[variableOf(name)] : argv[at + 1])
}

function keyOf(name: string, environment: Environment): string | undefined {
  const path = setting('config', environment)
  if (path === undefined) return undefined
  try {
    const keys: unknown = JSON.parse(environment.readFile(path))
    const value: unknown = typeof keys === 'object' && keys !== null ? Reflect.get(keys, name) : undefined
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
  } catch {
    return undefined
  }
}
