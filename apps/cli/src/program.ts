import { fileURLToPath } from 'node:url'
import { auditCommand } from './audit/command.ts'
import type { Command, World } from './command.ts'
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

/** Finds the command that the arguments begin with and runs it; resolves with the exit code. */
export async function runProgram(argv: readonly string[], world: World): Promise<number> {
  for (const command of commands) {
    const words = command.name.split(' ')
    if (words.every((word, at) => argv[at] === word))
      return command.run(argv.slice(words.length), { ...world, env: withoutOthers(command, world.env) })
  }
  if (argv[0] === '--version') {
    world.print(versionOf(world))
    return exitCodes.done
  }
  // `freshet help dev` is `freshet dev --help`.
  if (argv[0] === 'help' && argv.length > 1) return runProgram([...argv.slice(1), '--help'], world)
  const asked = argv.length === 0 || ['help', '--help', '-h'].includes(argv[0] ?? '')
  if (!asked) world.say(`freshet: ${JSON.stringify(argv[0])} is no command${nearestTo(argv[0] ?? '')}.`)
  const lines = commands.map(({ name, says }) => `  ${name.padEnd(14)}${says}`)
  const text = `freshet COMMAND [options]\n\n${lines.join('\n')}\n\nfreshet COMMAND --help lists its options. In a clone: npm run freshet -- COMMAND\n`
  if (asked) world.print(text)
  else world.say(text)
  return asked ? exitCodes.done : exitCodes.usage
}

/** Commands of two words are easily cut short. */
function nearestTo(word: string): string {
  const longer = commands.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) => name)
  return longer.length === 0 ? '' : `; wanted: ${longer.join(', ')}`
}

/** The manifest lies beside `src` and `dist`. */
function versionOf({ readFile }: World): string {
  const manifest: unknown = JSON.parse(readFile(fileURLToPath(new URL('../package.json', import.meta.url))))
  const named = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return named ? String(manifest.version) : 'unknown'
}

/** One shell may hold variables for several commands: those of the others are none of this one's mistakes. */
function withoutOthers(command: Command, env: World['env']): World['env'] {
  const known = new Set(commands.flatMap(({ variables }) => variables))
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => command.variables.includes(name) || !known.has(name)),
  )
}
