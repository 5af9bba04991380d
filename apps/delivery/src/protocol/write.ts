import type { Publication } from '../publication.ts'
import { errors, type ErrorName } from './codes.ts'

/** The server-side subscription in a connect reply. */
export interface SubscriptionResult {
  readonly recoverable: true
  readonly positioned: true
  readonly epoch: string
  readonly offset: number
  readonly was_recovering: boolean
  readonly recovered: boolean
  /** Objects of the protocol, serialized; sent only when recovered. */
  readonly publications: readonly Publication[]
}

/** The result of a connect command. */
export interface ConnectResult {
  readonly client: string
  readonly version: string
  readonly session: string
  readonly node: string
  /** Seconds. */
  readonly ping: number
  readonly pong: true
  readonly expires: true
  /** Seconds until the token expires, 1 or more. */
  readonly ttl: number
  /** Freshet-Position of the offset. */
  readonly data: { readonly position: string }
}

/** The result of a refresh command. `client`: some clients take their id from it. */
export interface RefreshResult {
  readonly client: string
  readonly version: string
  readonly expires: true
  readonly ttl: number
}

/** A ping. */
export const PING = '{}'

/** The channel of a user. */
export function channelOf(user: string): string {
  return `#${user}`
}

/** The text before a publication in a push to this user; serialized once per connection. */
export function pushHead(user: string): string {
  return `{"push":{"channel":${JSON.stringify(channelOf(user))},"pub":`
}

/** The text after a publication in a push. */
export const PUSH_TAIL = '}}'

/** The reply to `connect`. */
export function connectReply(
  id: number,
  result: ConnectResult,
  channel: string,
  { publications, ...sub }: SubscriptionResult,
): string {
  const head = JSON.stringify({ id, connect: result }).slice(0, -2)
  const subscription = JSON.stringify(sub).slice(0, -1)
  return `${head},"subs":{${JSON.stringify(channel)}:${subscription},"publications":${listOf(publications)}}}}}`
}

/** The reply to `refresh`. */
export function refreshReply(id: number, refresh: RefreshResult): string {
  return JSON.stringify({ id, refresh })
}

/** The reply to `unsubscribe`. */
export function unsubscribeReply(id: number): string {
  return JSON.stringify({ id, unsubscribe: {} })
}

/** The reply to `history`. */
export function historyReply(
  id: number,
  position: { readonly epoch: string; readonly offset: number },
  publications: readonly Publication[],
): string {
  const { epoch, offset } = position
  return `{"id":${id},"history":{"publications":${listOf(publications)},"epoch":${JSON.stringify(epoch)},"offset":${offset}}}`
}

/** A command that was refused. */
export function errorReply(id: number, name: ErrorName): string {
  return JSON.stringify({ id, error: errors[name] })
}

function listOf(publications: readonly Publication[]): string {
  return `[${publications.map(({ json }) => json).join()}]`
}
