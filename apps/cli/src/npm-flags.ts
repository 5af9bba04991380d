import { ConfigError, type OptionTable } from '@freshet/kit'
import type { World } from './command.ts'

/**
 * npm keeps each flag before `--` for itself and tells it in a variable, such as `npm_config_cache_size`; the command
 * would run without it. https://docs.npmjs.com/cli/v11/using-npm/config#environment-variables
 * @throws {ConfigError} CONFLICT
 */
export function refuseFlagsOfNpm(command: string, options: OptionTable, env: World['env']): void {
  for (const { name, style } of Object.values(options)) {
    const flag = style === 'secret' ? `${name}-file` : name
    if (!isTaken(flag, env)) continue
    const script = command === 'dev' ? 'dev --' : `freshet -- ${command}`
    throw new ConfigError(
      'CONFLICT',
      `npm took --${flag} for itself; flags go behind --, as in: npm run ${script} --${flag}.`,
    )
  }
}

/** npm takes `--no-sample` for `sample` without a value. */
function isTaken(flag: string, env: World['env']): boolean {
  const negated = flag.startsWith('no-')
  const value = env[`npm_config_${(negated ? flag.slice(3) : flag).replaceAll('-', '_')}`]
  return negated ? value === '' : value !== undefined && value !== ''
}
