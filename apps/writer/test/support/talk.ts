import { bearerOf, type Got, type OpenWriter, type Sent } from './open-writer.ts'

/** Requests of one user. */
export interface Talk {
  send(method: string, path: string, body?: unknown, headers?: Sent['headers']): Promise<Got>
  /** Sends a message, with a new `clientId` unless there is one. */
  say(to: object, body: unknown, clientId?: string): Promise<Got>
  edit(message: unknown, body: unknown, clientId?: string): Promise<Got>
  erase(message: unknown): Promise<Got>
}

let clientIds = 0

/** The requests of a user, with these roles. */
export async function talkOf(
  writer: Pick<OpenWriter, 'send'>,
  user: string,
  roles: readonly string[] = [],
  groups: readonly string[] = [],
): Promise<Talk> {
  const authorization = await bearerOf(user, [], roles, groups)
  const send: Talk['send'] = (method, path, body, headers = {}) =>
    writer.send(method, path, {
      headers: { authorization, ...headers },
      ...(body !== undefined && { body }),
    })
  const next = (): string => `client-${++clientIds}`
  return {
    send,
    say: (to, body, clientId = next()) => send('POST', 'messages', { to, body, clientId }),
    edit: (message, body, clientId = next()) =>
      send('PATCH', `messages/${String(message)}`, { body, clientId }),
    erase: (message) => send('DELETE', `messages/${String(message)}`),
  }
}

/** Status and code of a problem. */
export function refusal({ status, json }: Got): string {
  return `${status} ${String(json['type']).replace('https://freshet.dev/problems/', '')}`
}

/** The form of a `Freshet-Position`. */
export const POSITION = /^[0-9a-f]{8}\.[0-9a-f]{16}$/
