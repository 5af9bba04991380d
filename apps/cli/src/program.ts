import { fileURLToPath } from 'node:url'
import { auditCommand } from './audit/command.ts'
import type { Command, CommandContext } from './command.ts'
import { devCommand } from './dev/command.ts'
import { doctorGuardCommand } from './doctor/command.ts'
import { doctorCommand } from './doctor/doctor-command.ts'
import { doctorLogCommand } from './doctor/log-command.ts'
import { exitCodes } from './exit-codes.ts'
import { migrateCommand, timelineCommand } from './migrate.ts'
import { topCommand } from './top/command.ts'
import { whyCommand } from './why/command.ts'
import { tokenCommand } from './token.ts'

const commands: readonly Command[] = [
  devCommand,
  auditCommand,
  doctorCommand,
  doctorGuardCommand,
  doctorLogCommand,
  topCommand,
  whyCommand,
  tokenCommand,
  migrateCommand,
  timelineCommand,
]

/** Runs the command that the arguments start with. Resolves with the exit code. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<number> {
  for (const command of commands) {
    const typed = typedWordsOf(command, argv)
    if (typed > 0)
      return command.run(argv.slice(typed), {
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
  const [word = '--help'] = argv
  const group = groupOf(word)
  const helpRequested = ['help', '--help', '-h'].includes((group.length === 0 ? word : argv[1]) ?? '')
  // `doctor` is a command, so with a wrong word after it both are named.
  const isCommand = commands.some(({ name }) => name === word)
  const typed = isCommand ? argv.slice(0, 2).join(' ') : word
  const expected = [...commands.filter(({ name }) => name === word), ...group]
  if (!helpRequested)
    context.say(`freshet: ${JSON.stringify(typed)} is not a command${suggestionFor(expected)}.`)
  const listed = group.length > 0 && helpRequested ? group : commands
  const lines = listed.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`)
  const text = `freshet COMMAND [options]\n\n${lines.join('\n')}\n\nfreshet COMMAND --help lists its options. In a clone: npm run freshet -- COMMAND\n`
  if (helpRequested) context.print(text)
  else context.say(text)
  return helpRequested ? exitCodes.done : exitCodes.usage
}

/** How many arguments name the command; 0 if they name another one. */
function typedWordsOf({ name }: Command, argv: readonly string[]): number {
  const words = name.split(' ')
  if (!words.every((word, at) => argv[at] === word)) return 0
  // The next word belongs to a longer name, even if there is none.
  const isOther = groupOf(name).length > 0 && argv[words.length]?.startsWith('-') === false
  return isOther ? 0 : words.length
}

/** The two-word commands that start with this word. */
function groupOf(word: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `))
}

function suggestionFor(group: readonly Command[]): string {
  return group.length === 0 ? '' : `; expected: ${group.map(({ name }) => name).join(', ')}`
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
