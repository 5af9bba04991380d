import { fileURLToPath } from 'node:url'
import { auditCommand } from './audit/command.ts'
import type { Command, CommandContext } from './command.ts'
import { devCommand } from './dev/command.ts'
import { doctorGuardCommand } from './doctor/command.ts'
import { exitCodes } from './exit-codes.ts'
import { migrateCommand, timelineCommand } from './migrate.ts'
import { tokenCommand } from './token.ts'

const commands: readonly Command[] = [
  devCommand,
  auditCommand,
  doctorGuardCommand,
  tokenCommand,
  migrateCommand,
  timelineCommand,
]

/** Runs the command that the arguments start with. Resolves with the exit code. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<number> {
  for (const command of commands) {
    const words = command.name.split(' ')
    if (words.every((word, at) => argv[at] === word))
      return command.run(argv.slice(words.length), {
        ...context,
        env: withoutForeignVariables(command, context.env),
      })
  }
  if (argv[0] === '--version') {
    context.print(versionOf(context))
    return exitCodes.done
  }
  // `freshet help dev` is `freshet dev --help`.
  if (argv[0] === 'help' && argv.length > 1) return runProgram([...argv.slice(1), '--help'], context)
  const helpRequested = argv.length === 0 || ['help', '--help', '-h'].includes(argv[0] ?? '')
  if (!helpRequested)
    context.say(`freshet: ${JSON.stringify(argv[0])} is not a command${suggestionFor(argv[0] ?? '')}.`)
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`)
  const text = `freshet COMMAND [options]\n\n${lines.join('\n')}\n\nfreshet COMMAND --help lists its options. In a clone: npm run freshet -- COMMAND\n`
  if (helpRequested) context.print(text)
  else context.say(text)
  return helpRequested ? exitCodes.done : exitCodes.usage
}

/** Suggests two-word commands that start with this word. */
function suggestionFor(word: string): string {
  const longer = commands.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) => name)
  return longer.length === 0 ? '' : `; expected: ${longer.join(', ')}`
}

/** package.json is next to `src` and `dist`. */
function versionOf({ readFile }: CommandContext): string {
  const manifest: unknown = JSON.parse(readFile(fileURLToPath(new URL('../package.json', import.meta.url))))
  const named = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return named ? String(manifest.version) : 'unknown'
}

/** Hides variables of other commands, so that they are not reported as unknown options of this one. */
function withoutForeignVariables(command: Command, env: CommandContext['env']): CommandContext['env'] {
  const known = new Set(commands.flatMap(({ variables }) => variables))
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => command.variables.includes(name) || !known.has(name)),
  )
}
