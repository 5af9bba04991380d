import { bearerOf, type Got, type OpenWriter, type Sent } from './open-writer.ts'

/** A request that is sent with a key, however often. */
export type Send = (method: string, path: string, sent?: Sent) => Promise<Got>

/** Gives senders, each under a new key of the tester's, or under this one of this caller's. */
export function sendersOf(
  writer: OpenWriter,
): (key?: string, caller?: string, ...handlers: readonly string[]) => Send {
  let keys = 0
  return (key = `key-${++keys}`, caller = 'tester', ...handlers) =>
    async (method, path, { headers, body } = {}) =>
      await writer.send(method, path, {
        headers: {
          authorization: await bearerOf(caller, handlers),
          'idempotency-key': key,
          ...headers,
        },
        ...(body !== undefined && { body }),
      })
}

const names = ['etag', 'location', 'content-type', 'content-length', 'preference-applied', 'cache-control']

/** All of an answer that must be the same when it is given again. */
export function told({ status, headers, text }: Got): object {
  return { status, text, headers: names.map((name) => headers.get(name)) }
}

/** The body of a problem, as far as its code goes. */
export const problem = (code: string): object => ({ type: `https://freshet.dev/problems/${code}` })
