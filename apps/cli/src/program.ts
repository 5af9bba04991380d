import { auditCommand } from './audit/command.ts'
import { exitCodes } from './command.ts'
import type { Command, World } from './command.ts'
import { devCommand } from './dev/command.ts'
import { doctorGuardCommand } from './doctor/command.ts'
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
    if (words.every((word, at) => argv[at] === word)) return command.run(argv.slice(words.length), world)
  }
  const asked = argv.length === 0 || argv[0] === '--help'
  if (!asked) world.say(`freshet: ${JSON.stringify(argv[0])} is no command.`)
  const lines = commands.map(({ name, says }) => `  ${name.padEnd(14)}${says}`)
  const text = `freshet COMMAND [options]\n\n${lines.join('\n')}\n\nfreshet COMMAND --help tells the options. In a clone: npm run freshet -- COMMAND\n`
  if (asked) world.print(text)
  else world.say(text)
  return asked ? exitCodes.done : exitCodes.usage
}
