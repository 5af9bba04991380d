import type { ConfigOf } from '@freshet/kit'
import { bytes, choice, count, defineOptions, flag, list, ms, secret, text, url } from '@freshet/kit'
import { readOrigin } from './cors-origin.ts'

/** The options that every service has. */
export const serviceOptions = defineOptions({
  host: text('host', '127.0.0.1', 'The address that the public port listens on.'),
  port: count('port', 8080, 'The public port; 0 takes any that is free.', { max: 65_535 }),
  managementHost: text('management-host', '127.0.0.1', 'The address that the management port listens on.'),
  managementPort: count(
    'management-port',
    9090,
    'The port for health and metrics; 0 takes any that is free.',
    { max: 65_535 },
  ),
  maxBodyBytes: bytes('max-body', 2 ** 20, 'The largest request body; more is 413.'),
  inFlightBytes: bytes(
    'in-flight-size',
    64 * 2 ** 20,
    'The memory for all that is under way: bodies, reads of the database, answers; who finds no room waits, then 503.',
    { min: 2 ** 20 },
  ),
  maxHeaderBytes: bytes('max-headers', 16 * 2 ** 10, 'The largest request headers; more is 431.'),
  headersWithinMs: ms('headers-within', 10_000, 'The time in which the headers of a request must arrive.', {
    min: 1,
  }),
  bodyWithinMs: ms('body-within', 30_000, 'The time in which a whole request must arrive.', { min: 1 }),
  idleMs: ms('idle', 75_000, 'How long a connection may wait for its next request.', { min: 1 }),
  unreadMs: ms('unread-within', 30_000, 'A client that takes nothing of its answer for so long is cut off.', {
    min: 1,
  }),
  maxSockets: count(
    'max-sockets',
    10_000,
    'The most connections open at once; for one more, the one that was unused longest is closed.',
    {
      min: 1,
    },
  ),
  drainMs: ms(
    'drain',
    0,
    'The wait between "not ready" and closing, so that balancers notice; 5s in Kubernetes.',
  ),
  stopWithinMs: ms(
    'stop-within',
    10_000,
    'The time that open requests get when the process is asked to stop.',
  ),
  logLevel: choice(
    'log-level',
    ['debug', 'info', 'warn', 'error'],
    'info',
    'The least important lines that are logged.',
  ),
  corsOrigins: list('cors-origins', 'Origins whose pages may call this service; * for all.', readOrigin),
  tokenSecret: secret(
    'token-secret',
    undefined,
    'Tokens are signed with this secret (HS256), 32 bytes or more; whoever has it can sign them too.',
  ),
  // Not secret, but given in the same ways: as a file, or as a variable.
  tokenPublicKeys: secret(
    'token-public-keys',
    undefined,
    'Tokens are signed by the private half of one of these keys, given as JWKS or PEM (RS256, ES256, EdDSA).',
  ),
  tokenKeysUrl: url(
    'token-keys-url',
    undefined,
    'Tokens are signed by a key of the JWKS at this URL (RS256, ES256, EdDSA).',
  ),
  tokenIssuer: text('token-issuer', 'freshet', 'The issuer that tokens must name.'),
  tokenAudience: text('token-audience', 'freshet', 'The audience that tokens must name.'),
  tokenMaxDays: count('token-max-days', 366, 'A token that expires in more days than that is refused.', {
    min: 1,
    max: 36_500,
  }),
  noTokens: flag('no-tokens', 'Everybody may do everything; on a loopback address only.'),
})

/** What `serviceOptions` are read into. */
export type ServiceConfig = ConfigOf<typeof serviceOptions>
