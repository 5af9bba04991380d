import { ConfigError, type OptionTable } from '@freshet/kit'
import type { CommandContext } from './command.ts'

/**
 * npm consumes flags before `--` and sets variables such as `npm_config_cache_size` instead, so the command would run without
 * them. https://docs.npmjs.com/cli/v11/using-npm/config#environment-variables
 * @throws {ConfigError} CONFLICT
 */
export function rejectNpmFlags(command: string, options: OptionTable, env: CommandContext['env']): void {
  for (const { name, style } of Object.values(options)) {
    const flag = style === 'secret' ? `${name}-file` : name
    if (!isConsumed(flag, env)) continue
    const script = command === 'dev' ? 'dev --' : `freshet -- ${command}`
    throw new ConfigError(
      'CONFLICT',
      `npm consumed --${flag}; put flags after --, as in: npm run ${script} --${flag}.`,
    )
  }
}

/** npm turns `--no-sample` into `sample` with an empty value. */
function isConsumed(flag: string, env: CommandContext['env']): boolean {
  const negated = flag.startsWith('no-')
  const value = env[`npm_config_${(negated ? flag.slice(3) : flag).replaceAll('-', '_')}`]
  return negated ? value === '' : value !== undefined && value !== ''
}
