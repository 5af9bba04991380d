import {
  bytes,
  choice,
  type ConfigOf,
  count,
  defineOptions,
  flag,
  list,
  ms,
  secret,
  text,
  url,
} from '@freshet/kit'
import { readOrigin } from './cors.ts'

/** Options common to all services. */
export const serviceOptions = defineOptions({
  host: text('host', '127.0.0.1', 'The address that the public port listens on.'),
  port: count('port', 8080, 'The public port; 0 picks a free one.', { max: 65_535 }),
  managementHost: text('management-host', '127.0.0.1', 'The address that the management port listens on.'),
  managementPort: count('management-port', 9090, 'The port for health and metrics; 0 picks a free one.', {
    max: 65_535,
  }),
  maxBodyBytes: bytes('max-body', 2 ** 20, 'The maximum size of a request body; more is 413.'),
  inFlightBytes: bytes(
    'in-flight-size',
    64 * 2 ** 20,
    'The memory for work in progress: bodies, database reads, answers. Requests beyond it wait, then get 503.',
    { min: 2 ** 20 },
  ),
  maxHeaderBytes: bytes('max-headers', 16 * 2 ** 10, 'The maximum size of the request headers; more is 431.'),
  headersWithinMs: ms('headers-within', 10_000, 'The time limit for receiving the headers of a request.', {
    min: 1,
  }),
  bodyWithinMs: ms('body-within', 30_000, 'The time limit for receiving a whole request.', { min: 1 }),
  idleMs: ms('idle', 75_000, 'How long a connection may wait for its next request.', { min: 1 }),
  unreadMs: ms(
    'unread-within',
    30_000,
    'A client that reads nothing of its answer for this long is disconnected.',
    {
      min: 1,
    },
  ),
  maxSockets: count(
    'max-sockets',
    10_000,
    'The maximum number of open HTTP connections; beyond that the least recently used one is closed.',
    {
      min: 1,
    },
  ),
  drainMs: ms(
    'drain',
    0,
    'The wait between "not ready" and closing, for load balancers to notice; 5s in Kubernetes.',
  ),
  stopWithinMs: ms('stop-within', 10_000, 'The time for running requests to finish when the process stops.'),
  logLevel: choice(
    'log-level',
    ['debug', 'info', 'warn', 'error'],
    'info',
    'The lowest level that is logged.',
  ),
  corsOrigins: list('cors-origins', 'Origins whose pages may call this service; * for all.', readOrigin),
  tokenSecret: secret(
    'token-secret',
    undefined,
    'The shared secret of tokens (HS256), at least 32 bytes; anyone who has it can sign tokens.',
  ),
  // Not secret, but accepted in the same ways: as a file or a variable.
  tokenPublicKeys: secret(
    'token-public-keys',
    undefined,
    'The public keys of tokens, as JWKS or PEM (RS256, ES256, EdDSA).',
  ),
  tokenKeysUrl: url(
    'token-keys-url',
    undefined,
    'The URL of a JWKS with the public keys of tokens (RS256, ES256, EdDSA).',
  ),
  tokenIssuer: text('token-issuer', 'freshet', 'The required issuer of tokens.'),
  tokenAudience: text('token-audience', 'freshet', 'The required audience of tokens.'),
  tokenMaxDays: count(
    'token-max-days',
    366,
    'The maximum lifetime of a token in days; tokens that expire later are refused.',
    {
      min: 1,
      max: 36_500,
    },
  ),
  noTokens: flag('no-tokens', 'Accepts all requests without a token; on loopback addresses only.'),
})

/** The parsed `serviceOptions`. */
export type ServiceConfig = ConfigOf<typeof serviceOptions>
