/** An error in a reply; numbers and messages of https://centrifugal.dev/docs/server/codes */
export interface ErrorEntry {
  readonly code: number
  readonly message: string
  /** The client may retry. */
  readonly temporary?: true
}

/** All errors that a command can be answered with. */
export const errors = {
  internal: { code: 100, message: 'internal server error', temporary: true },
  denied: { code: 103, message: 'permission denied' },
  unknownMethod: { code: 104, message: 'method not found' },
  alreadySubscribed: { code: 105, message: 'already subscribed' },
  notAvailable: { code: 108, message: 'not available: send messages through the writer' },
  tokenExpired: { code: 109, message: 'token expired' },
  unrecoverable: { code: 112, message: 'unrecoverable position' },
} as const satisfies Record<string, ErrorEntry>

/** A name in {@link errors}. */
export type ErrorName = keyof typeof errors

/** Why a connection is closed. */
export interface CloseEntry {
  /** Clients come back after 3000 to 3499, and stay away after 3500 to 3999. */
  readonly code: number
  /** At most 123 bytes, the limit of a close frame. Never JSON, since clients would parse it. */
  readonly reason: string
}

/** All close codes. Numbers as in https://centrifugal.dev/docs/server/codes, so that SDKs react to them. */
export const closes = {
  shutdown: { code: 3001, reason: 'shutdown' },
  error: { code: 3004, reason: 'internal server error' },
  expired: { code: 3005, reason: 'connection expired' },
  slow: { code: 3008, reason: 'slow' },
  insufficientState: { code: 3010, reason: 'insufficient state' },
  noPong: { code: 3012, reason: 'no pong' },
  tooManyRequests: { code: 3013, reason: 'too many requests' },
  revoked: { code: 3014, reason: 'token revoked' },
  invalidToken: { code: 3500, reason: 'invalid token' },
  badRequest: { code: 3501, reason: 'bad request' },
  stale: { code: 3502, reason: 'stale' },
  forced: { code: 3503, reason: 'force disconnect' },
  tooManyConnections: { code: 3504, reason: 'connection limit' },
  notAvailable: { code: 3508, reason: 'not available: send messages through the writer' },
} as const satisfies Record<string, CloseEntry>

/** A name in {@link closes}. */
export type CloseCode = keyof typeof closes
