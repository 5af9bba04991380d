import type { KeyObject } from 'node:crypto'
import { ConfigError, defineOptions, list, ms, secret, text } from '@freshet/kit'
import { isHandlerName } from '@freshet/protocol'
import { defineCommand } from './command.ts'
import type { World } from './command.ts'
import { readRunning } from './dev/running.ts'
import { exitCodes } from './exit-codes.ts'
import { signToken } from './sign-token.ts'
import { readIfThere, readStateFile, tokenKeyFile } from './state-folder.ts'
import { privateKeyIn, sharedSecretIn } from './token-key.ts'

/** What services take by default: `--token-max-days`. */
const longestMs = 366 * 86_400_000

const options = defineOptions({
  subject: text('subject', 'developer', 'Who the bearer is: the claim sub.'),
  roles: list('roles', 'What the bearer may be asked for: the claim roles.'),
  handlers: list(
    'handlers',
    'Services whose handlers of changes the bearer writes for: the claim freshet_handlers. Such a token writes for ' +
      'nothing else.',
  ),
  forMs: ms('for', 3_600_000, 'How long the token is good.', { min: 1_000, max: longestMs }),
  issuer: text('token-issuer', 'freshet', 'The issuer that the services want.'),
  audience: text('token-audience', 'freshet', 'The audience that the services want.'),
  privateKey: secret(
    'token-key',
    undefined,
    'The private key, as PEM, whose public half the services have (default: that of `freshet dev` here).',
  ),
  sharedSecret: secret('token-secret', undefined, 'The secret of services that share one (HS256).'),
})

/** `freshet token`: signs a token that the services take. */
export const tokenCommand = defineCommand({
  name: 'token',
  says: 'Prints a token for a caller.',
  options,
  exits: {
    [exitCodes.done]: 'It is done.',
    [exitCodes.failed]: 'It failed; the message says why.',
    [exitCodes.badConfig]: 'An option or a file is wrong.',
  },
  async run({ privateKey, sharedSecret, ...content }, world) {
    const key = signingKey(privateKey, sharedSecret, world)
    const unknown = content.handlers.find((service) => !isHandlerName(`${service}/h`))
    if (unknown !== undefined)
      throw new ConfigError(
        'BAD_VALUE',
        `--handlers holds ${JSON.stringify(unknown)}; it wants names of services, of a-z 0-9 _ -, such as stock.`,
      )
    world.print(await signToken(key, content))
    return exitCodes.done
  },
})

function signingKey(
  privateKey: string | undefined,
  sharedSecret: string | undefined,
  world: World,
): KeyObject {
  if (privateKey !== undefined && sharedSecret !== undefined)
    throw new ConfigError(
      'CONFLICT',
      '--token-key-file and --token-secret-file are both set; it wants one of them.',
    )
  if (sharedSecret !== undefined) {
    const secret = sharedSecretIn(sharedSecret)
    if (secret === undefined)
      throw new ConfigError('BAD_VALUE', 'The token secret is too short; it wants 32 bytes or more.')
    return secret
  }
  const pem = privateKey ?? keyOfDev(world)
  if (pem === undefined) throw new ConfigError('MISSING', '--token-key-file is missing, and no dev ran here.')
  const key = privateKeyIn(pem)
  if (key === undefined)
    throw new ConfigError(
      'BAD_VALUE',
      'The file of --token-key-file holds no key; it wants a private key in PEM.',
    )
  return key
}

/** That of the run in this folder, which keeps it elsewhere when it is ephemeral; or that of the last run. */
function keyOfDev(world: World): string | undefined {
  const running = readRunning(world)
  const ofRun = running === undefined ? undefined : readIfThere(running.tokenKeyFile)
  return ofRun ?? readStateFile(world, tokenKeyFile)
}
