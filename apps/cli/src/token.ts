import { ConfigError, defineOptions, list, ms, secret, text } from '@freshet/kit'
import { isHandlerName } from '@freshet/protocol'
import { defineCommand, exitCodes } from './command.ts'
import type { World } from './command.ts'
import { readRunning } from './dev/running.ts'
import { signToken } from './sign-token.ts'
import { readIfThere, readStateFile, tokenSecretFile } from './state-folder.ts'

const minSecretBytes = 32

const options = defineOptions({
  subject: text('subject', 'developer', 'Who the bearer is: the claim sub.'),
  roles: list('roles', 'What the bearer may be asked for: the claim roles.'),
  handlers: list(
    'handlers',
    'Services whose handlers of changes the bearer writes for: the claim freshet_handlers. Such a token writes for ' +
      'nothing else.',
  ),
  forMs: ms('for', 3_600_000, 'How long the token is good.', { min: 1_000 }),
  issuer: text('token-issuer', 'freshet', 'The issuer that the services want.'),
  audience: text('token-audience', 'freshet', 'The audience that the services want.'),
  secret: secret(
    'token-secret',
    undefined,
    'The secret of the services (default: that of `freshet dev` here).',
  ),
})

/** `freshet token`: signs a token with the secret that the services share. */
export const tokenCommand = defineCommand({
  name: 'token',
  says: 'Prints a token for a caller.',
  options,
  async run({ secret: given, ...content }, world) {
    const shared = given ?? secretOfDev(world)
    if (shared === undefined)
      throw new ConfigError('MISSING', '--token-secret-file is missing, and no dev ran here.')
    if (Buffer.byteLength(shared) < minSecretBytes)
      throw new ConfigError('BAD_VALUE', `The secret has fewer than ${minSecretBytes} bytes.`)
    const unknown = content.handlers.find((service) => !isHandlerName(`${service}/h`))
    if (unknown !== undefined)
      throw new ConfigError(
        'BAD_VALUE',
        `--handlers holds ${JSON.stringify(unknown)}; it wants names of services, of a-z 0-9 _ -, such as stock.`,
      )
    world.print(await signToken(shared, content))
    return exitCodes.done
  },
})

/** That of the run in this folder, which keeps it elsewhere when it is ephemeral; or that of the last run. */
function secretOfDev(world: World): string | undefined {
  const running = readRunning(world)
  const ofRun = running === undefined ? undefined : readIfThere(running.tokenSecretFile)
  return ofRun ?? readStateFile(world, tokenSecretFile)
}
