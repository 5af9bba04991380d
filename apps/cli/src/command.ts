import { helpText, readConfig, variablesOf } from '@freshet/kit'
import type { Clock, ConfigOf, OptionTable } from '@freshet/kit'
import { exitCodeOf } from './exit-code-of.ts'
import { commonExits, exitCodes } from './exit-codes.ts'
import { refuseFlagsOfNpm } from './npm-flags.ts'

/** What a command may touch of the world around it; `main.ts` alone takes it from the process. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly clock: Clock
  readonly readFile: (path: string) => string
  /** Results, for people or programs. */
  readonly print: (text: string) => void
  /** Progress and complaints. */
  readonly say: (text: string) => void
  /** Aborts when the person wants an end: Ctrl-C. */
  readonly stopped: AbortSignal
}

/** One thing that `freshet` can do. */
export interface Command {
  /** One or two words, as they are typed. */
  readonly name: string
  /** One sentence. */
  readonly says: string
  /** The variables of the environment that it reads. */
  readonly variables: readonly string[]
  /** Reads `argv` (without the name) and runs; resolves with the exit code. */
  run(argv: readonly string[], world: World): Promise<number>
}

/** A command before its options are read. */
export interface CommandDefinition<Table extends OptionTable> {
  readonly name: string
  readonly says: string
  readonly options: Table
  /** The exit codes with what they mean, where they are other than usual; `--help` prints them. */
  readonly exits?: Readonly<Record<number, string>>
  /** The exit code for what `run` rejected with when it is none of our errors; `failed` by default. */
  readonly unexpected?: number
  run(config: ConfigOf<Table>, world: World): Promise<number>
}

/** Wraps a command: `--help` from its declared options, and one line for a wrong option. */
export function defineCommand<Table extends OptionTable>(definition: CommandDefinition<Table>): Command {
  const { name, says, options, exits = commonExits, unexpected = exitCodes.failed } = definition
  return {
    name,
    says,
    variables: variablesOf(options),
    async run(argv, world) {
      if (argv.includes('--help') || argv.includes('-h')) {
        world.print(`${says}\n\nfreshet ${name} [options]\n${helpText(options)}${exitText(exits)}`)
        return exitCodes.done
      }
      try {
        const { env, readFile } = world
        refuseFlagsOfNpm(name, options, env)
        return await definition.run(readConfig(options, { argv, env, readFile }), world)
      } catch (error) {
        world.say(`freshet ${name}: ${error instanceof Error ? error.message : String(error)}`)
        return exitCodeOf(error) ?? unexpected
      }
    },
  }
}

function exitText(exits: Readonly<Record<number, string>>): string {
  const lines = Object.entries(exits).map(([code, says]) => `  ${code.padEnd(4)}${says}`)
  return `\nExit codes:\n${lines.join('\n')}\n`
}
