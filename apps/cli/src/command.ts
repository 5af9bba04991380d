import { ConfigError, helpText, readConfig, variablesOf } from '@freshet/kit'
import type { Clock, ConfigOf, OptionTable } from '@freshet/kit'
import { exitCodeOf } from './exit-code-of.ts'
import { commonExits, exitCodes } from './exit-codes.ts'
import { rejectNpmFlags } from './npm-flags.ts'

/** Everything a command uses of its environment. Only `main.ts` takes it from the process. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly clock: Clock
  readonly readFile: (path: string) => string
  /** Prints results to standard output. */
  readonly print: (text: string) => void
  /** Prints progress and errors to standard error. */
  readonly say: (text: string) => void
  /** The width of the terminal in columns; `undefined` if standard output is not one. */
  readonly columns?: number | undefined
  /** Aborts on Ctrl-C. */
  readonly stopped: AbortSignal
}

/** A `freshet` command. */
export interface Command {
  /** One or two words, as typed. */
  readonly name: string
  /** One sentence for `--help`. */
  readonly summary: string
  /** Environment variables that it reads. */
  readonly variables: readonly string[]
  /** Reads `argv` (without the name) and runs; resolves with the exit code. */
  run(argv: readonly string[], context: CommandContext): Promise<number>
}

/** Definition of a command. */
export interface CommandDefinition<Table extends OptionTable> {
  readonly name: string
  readonly summary: string
  readonly options: Table
  /** A word that must come first, such as `COLLECTION/ID`. */
  readonly operand?: string
  /** Exit codes and their meanings for `--help`, if they differ from the usual ones. */
  readonly exits?: Readonly<Record<number, string>>
  /** Exit code for errors that are not ours; `failed` by default. */
  readonly unexpected?: number
  /** @param operand the first word, if the command has one; else empty. */
  run(config: ConfigOf<Table>, context: CommandContext, operand: string): Promise<number>
}

/** Creates a command that supports `--help` and reports errors in one line. */
export function defineCommand<Table extends OptionTable>(definition: CommandDefinition<Table>): Command {
  const { name, summary, options, exits = commonExits, unexpected = exitCodes.failed, operand } = definition
  return {
    name,
    summary,
    variables: variablesOf(options),
    async run(argv, context) {
      if (argv.includes('--help') || argv.includes('-h')) {
        const usage = [`freshet ${name}`, ...(operand === undefined ? [] : [operand]), '[options]'].join(' ')
        context.print(`${summary}\n\n${usage}\n${helpText(options)}${exitCodeHelp(exits)}`)
        return exitCodes.done
      }
      try {
        const { env, readFile } = context
        rejectNpmFlags(name, options, env)
        const [first = '-'] = argv
        if (operand !== undefined && first.startsWith('-'))
          throw new ConfigError('MISSING', `${operand} is missing: freshet ${name} ${operand} [options].`)
        const flags = operand === undefined ? argv : argv.slice(1)
        const config = readConfig(options, { argv: flags, env, readFile })
        return await definition.run(config, context, operand === undefined ? '' : first)
      } catch (error) {
        context.say(`freshet ${name}: ${error instanceof Error ? error.message : String(error)}`)
        return exitCodeOf(error) ?? unexpected
      }
    },
  }
}

function exitCodeHelp(exits: Readonly<Record<number, string>>): string {
  const lines = Object.entries(exits).map(([code, meaning]) => `  ${code.padEnd(4)}${meaning}`)
  return `\nExit codes:\n${lines.join('\n')}\n`
}
