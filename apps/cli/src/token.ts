import type { KeyObject } from 'node:crypto'
import { ConfigError, defineOptions, list, ms, secret, text } from '@freshet/kit'
import { isHandlerName } from '@freshet/protocol'
import { defineCommand } from './command.ts'
import type { CommandContext } from './command.ts'
import { readRunning } from './dev/running.ts'
import { exitCodes } from './exit-codes.ts'
import { readIfExists, readStateFile, tokenKeyFile } from './state-folder.ts'
import { privateKeyIn, sharedSecretIn } from './token-key.ts'

/** Services accept this by default: `--token-max-days`. */
const longestMs = 366 * 86_400_000

const options = defineOptions({
  subject: text('subject', 'developer', 'The bearer (claim sub).'),
  roles: list('roles', 'The roles of the bearer (claim roles).'),
  groups: list('groups', 'Groups whose messages the bearer receives and reads (claim groups).'),
  handlers: list(
    'handlers',
    'Services whose change handlers the bearer writes for (claim freshet_handlers). Such a token is accepted for ' +
      'nothing else.',
  ),
  forMs: ms('for', 3_600_000, 'How long the token is valid.', { min: 1_000, max: longestMs }),
  issuer: text('token-issuer', 'freshet', 'The issuer that the services require.'),
  audience: text('token-audience', 'freshet', 'The audience that the services require.'),
  privateKey: secret(
    'token-key',
    undefined,
    'The private key in PEM whose public half the services have (default: the key of `freshet dev` here).',
  ),
  sharedSecret: secret('token-secret', undefined, 'The shared secret of the services (HS256).'),
})

/** `freshet token`: signs a token that services accept. */
export const tokenCommand = defineCommand({
  name: 'token',
  summary: 'Prints a token for a caller.',
  options,
  exits: {
    [exitCodes.done]: 'Success.',
    [exitCodes.failed]: 'Failure; the message says why.',
    [exitCodes.badConfig]: 'An option or a file is invalid.',
  },
  async run({ privateKey, sharedSecret, ...content }, context) {
    const key = signingKey(privateKey, sharedSecret, context)
    const unknown = content.handlers.find((service) => !isHandlerName(`${service}/h`))
    if (unknown !== undefined)
      throw new ConfigError(
        'BAD_VALUE',
        `--handlers contains ${JSON.stringify(unknown)}; expected service names of a-z 0-9 _ -, such as stock.`,
      )
    const { signToken } = await import('./sign-token.ts')
    context.print(await signToken(key, content))
    return exitCodes.done
  },
})

function signingKey(
  privateKey: string | undefined,
  sharedSecret: string | undefined,
  context: CommandContext,
): KeyObject {
  if (privateKey !== undefined && sharedSecret !== undefined)
    throw new ConfigError(
      'CONFLICT',
      '--token-key-file and --token-secret-file are both set; expected only one.',
    )
  if (sharedSecret !== undefined) {
    const secret = sharedSecretIn(sharedSecret)
    if (secret === undefined)
      throw new ConfigError('BAD_VALUE', 'The token secret is too short; expected at least 32 bytes.')
    return secret
  }
  const pem = privateKey ?? keyOfDev(context)
  if (pem === undefined)
    throw new ConfigError(
      'MISSING',
      '--token-key-file is missing, and `freshet dev` has not run in this directory.',
    )
  const key = privateKeyIn(pem)
  if (key === undefined)
    throw new ConfigError(
      'BAD_VALUE',
      'The file of --token-key-file contains no key; expected a private key in PEM.',
    )
  return key
}

/** The key of the current run in this directory, or else of the last one. An ephemeral run stores it elsewhere. */
function keyOfDev(context: CommandContext): string | undefined {
  const running = readRunning(context)
  const ofRun = running === undefined ? undefined : readIfExists(running.tokenKeyFile)
  return ofRun ?? readStateFile(context, tokenKeyFile)
}
