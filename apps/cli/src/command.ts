import { ConfigError, helpText, readConfig, variablesOf } from '@freshet/kit'
import type { Clock, ConfigOf, OptionTable } from '@freshet/kit'

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
  /** The exit codes with what they mean, where they say more than whether it worked; `--help` prints them. */
  readonly exits?: Readonly<Record<number, string>>
  /** The exit code for what `run` rejected with, unless the configuration was wrong; `failed` for all by default. */
  codeOf?(error: unknown): number
  run(config: ConfigOf<Table>, world: World): Promise<number>
}

/** How the program ends. From 69 on they are those of sysexits.h. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  unproved: 3,
  unavailable: 69,
  broken: 70,
  badConfig: 78,
} as const

/** Wraps a command: `--help` from its declared options, and one line for a wrong option. */
export function defineCommand<Table extends OptionTable>(definition: CommandDefinition<Table>): Command {
  const { name, says, options, exits } = definition
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
        return await definition.run(readConfig(options, { argv, env, readFile }), world)
      } catch (error) {
        world.say(`freshet ${name}: ${error instanceof Error ? error.message : String(error)}`)
        if (error instanceof ConfigError) return exitCodes.badConfig
        return definition.codeOf?.(error) ?? exitCodes.failed
      }
    },
  }
}

function exitText(exits: Readonly<Record<number, string>> = {}): string {
  const lines = Object.entries(exits).map(([code, says]) => `  ${code.padEnd(4)}${says}`)
  return lines.length === 0 ? '' : `\nExit codes:\n${lines.join('\n')}\n`
}
