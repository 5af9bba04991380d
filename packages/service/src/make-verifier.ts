import { ConfigError } from '@freshet/kit'
import type { Clock } from '@freshet/kit'
import { isIPv4 } from 'node:net'
import type { JWK } from 'jose'
import type { Claims, Verifier } from './contract.ts'
import type { ServiceConfig } from './options.ts'
import { KeySetError, readPublicKeys } from './key-set.ts'
import { keySetCheck, publicKeysCheck, secretCheck } from './token-check.ts'
import type { TokenCheck } from './token-check.ts'
import { TokenVerifier } from './tokens.ts'

const MAX_REMEMBERED = 10_000
const MIN_SECRET_BYTES = 32

type TokenConfig = Pick<
  ServiceConfig,
  | 'host'
  | 'tokenSecret'
  | 'tokenPublicKeys'
  | 'tokenKeysUrl'
  | 'tokenIssuer'
  | 'tokenAudience'
  | 'tokenMaxDays'
  | 'noTokens'
>

/**
 * The verifier that the configuration asks for: exactly one of a secret, public keys, a key set, or nobody is asked,
 * which is for loopback addresses only. @throws {ConfigError} CONFLICT or BAD_VALUE.
 */
export function makeVerifier(config: TokenConfig, clock: Clock): Verifier {
  const { host, tokenSecret, tokenPublicKeys, tokenKeysUrl, noTokens } = config
  const ways = [tokenSecret, tokenPublicKeys, tokenKeysUrl, noTokens || undefined]
  const given = ways.filter((way) => way !== undefined).length
  if (given !== 1)
    throw new ConfigError(
      'CONFLICT',
      `Expected one of --token-secret-file, --token-public-keys-file, --token-keys-url and --no-tokens; got ${given}.`,
    )
  if (noTokens && !isLoopback(host))
    throw new ConfigError(
      'CONFLICT',
      `--no-tokens is for loopback addresses only, and --host is ${JSON.stringify(host)}.`,
    )
  if (noTokens) return new EverybodyIsOne()
  return new TokenVerifier({
    check: checkOf(config),
    wallMs: () => clock.wallMs(),
    maxDays: config.tokenMaxDays,
    maxRemembered: MAX_REMEMBERED,
  })
}

function checkOf({ tokenSecret, tokenPublicKeys, tokenKeysUrl = '', ...config }: TokenConfig): TokenCheck {
  const terms = { issuer: config.tokenIssuer, audience: config.tokenAudience }
  if (tokenPublicKeys !== undefined) return publicKeysCheck(publicKeysOf(tokenPublicKeys), terms)
  if (tokenSecret === undefined) return keySetCheck(tokenKeysUrl, terms)
  if (Buffer.byteLength(tokenSecret) < MIN_SECRET_BYTES)
    throw new ConfigError(
      'BAD_VALUE',
      `The token secret is too short; it wants ${MIN_SECRET_BYTES} bytes or more.`,
    )
  return secretCheck(tokenSecret, terms)
}

function publicKeysOf(text: string): readonly JWK[] {
  try {
    return readPublicKeys(text)
  } catch (cause) {
    if (!(cause instanceof KeySetError)) throw cause
    throw new ConfigError(
      'BAD_VALUE',
      `The public keys for tokens are not usable; it wants ${cause.wants}.`,
      {
        cause,
      },
    )
  }
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
