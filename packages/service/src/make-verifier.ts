import { ConfigError } from '@freshet/kit'
import type { Clock } from '@freshet/kit'
import { isIPv4 } from 'node:net'
import type { Claims, Verifier } from './contract.ts'
import type { ServiceConfig } from './options.ts'
import { keySetCheck, secretCheck } from './token-check.ts'
import { TokenVerifier } from './tokens.ts'

const MAX_REMEMBERED = 10_000
const MIN_SECRET_BYTES = 32

type TokenConfig = Pick<
  ServiceConfig,
  'host' | 'tokenSecret' | 'tokenKeysUrl' | 'tokenIssuer' | 'tokenAudience' | 'noTokens'
>

/**
 * The verifier that the configuration asks for: exactly one of a secret, a key set, or nobody is asked, which is for
 * loopback addresses only. @throws {ConfigError} CONFLICT or BAD_VALUE.
 */
export function makeVerifier(config: TokenConfig, clock: Clock): Verifier {
  const { host, tokenSecret, tokenKeysUrl, noTokens } = config
  const ways = [tokenSecret !== undefined, tokenKeysUrl !== undefined, noTokens].filter(Boolean).length
  if (ways !== 1)
    throw new ConfigError(
      'CONFLICT',
      `Wanted one of --token-secret-file, --token-keys-url and --no-tokens; got ${ways}.`,
    )
  if (noTokens && !isLoopback(host))
    throw new ConfigError(
      'CONFLICT',
      `--no-tokens is for loopback addresses only, and --host is ${JSON.stringify(host)}.`,
    )
  if (tokenSecret !== undefined && Buffer.byteLength(tokenSecret) < MIN_SECRET_BYTES)
    throw new ConfigError(
      'BAD_VALUE',
      `The token secret is too short; it wants ${MIN_SECRET_BYTES} bytes or more.`,
    )
  if (noTokens) return new EverybodyIsOne()
  const terms = { issuer: config.tokenIssuer, audience: config.tokenAudience }
  const check =
    tokenSecret === undefined ? keySetCheck(tokenKeysUrl ?? '', terms) : secretCheck(tokenSecret, terms)
  return new TokenVerifier({ check, wallMs: () => clock.wallMs(), maxRemembered: MAX_REMEMBERED })
}

/** Whether an address can be reached from this machine only. Names other than `localhost` may resolve to anything. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** Takes every request for one by the same person, with or without a token. */
class EverybodyIsOne implements Verifier {
  readonly #claims: Claims = Object.freeze({ sub: 'anybody', roles: Object.freeze([]), handlers: 'all' })

  verify(): Claims {
    return this.#claims
  }
}
