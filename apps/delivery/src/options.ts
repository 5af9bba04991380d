import { bytes, count, defineOptions, ms, type ConfigOf, type TokenBucketLimits } from '@freshet/kit'

/** The options of the delivery core, beside those that every service has. */
export const deliveryOptions = defineOptions({
  ringBytes: bytes(
    'ring-size',
    64 * 2 ** 20,
    'The memory for messages that clients who come back may have missed.',
  ),
  connectWithinMs: ms(
    'connect-within',
    10_000,
    'The time in which a client must have connected with a token.',
    {
      min: 1_000,
    },
  ),
  pingMs: ms('ping', 25_000, 'How often each client is pinged; more than --pong-within.', { min: 1_000 }),
  pongMs: ms('pong-within', 8_000, 'The time that a client has to answer a ping.', { min: 500 }),
  expiryGraceMs: ms('expiry-grace', 25_000, 'How long after its expiry a token may still be replaced.'),
  loadWithinMs: ms(
    'load-within',
    4_000,
    'The time for reading the memberships of a user; clients wait 5 s.',
    {
      min: 100,
    },
  ),
  maxBufferBytes: bytes(
    'max-client-buffer',
    2 ** 20,
    'What may wait for one client; then it is closed as slow.',
    {
      min: 2 ** 20,
    },
  ),
  commandsPerSecond: count(
    'commands-per-second',
    50,
    'Commands that one client may send; twice as many at once.',
    {
      min: 1,
    },
  ),
  maxSessionsPerUser: count('max-connections-per-user', 32, 'Connections that one user may have here.', {
    min: 1,
  }),
  maxConnections: count(
    'max-connections',
    10_000,
    'Clients that may be connected here; further ones are 503.',
    {
      min: 1,
    },
  ),
  handshakesPerSecond: count(
    'handshakes-per-second',
    2_000,
    'Web-sockets that may be opened; twice as many at once; further ones are 503.',
    { min: 1 },
  ),
  socketBytes: bytes(
    'socket-buffers',
    256 * 2 ** 20,
    'What may wait for all clients of web-sockets together.',
  ),
  frameBytes: bytes(
    'frame-buffers',
    64 * 2 ** 20,
    'What all clients of web-sockets together may have sent of frames that are not complete.',
    { min: 2 ** 20 },
  ),
  eventBytes: bytes(
    'event-buffers',
    64 * 2 ** 20,
    'What may wait for all clients of event streams together.',
  ),
})

/** What `deliveryOptions` are read into. */
export type DeliveryConfig = ConfigOf<typeof deliveryOptions>

/** A rate that may be doubled for a moment. */
export function rateOf(perSecond: number): TokenBucketLimits {
  return { burst: 2 * perSecond, refillPerS: perSecond }
}
