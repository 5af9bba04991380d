import type { IncomingMessage, ServerResponse } from 'node:http'

/** Requests whose client waits for "100 Continue" before it sends the body. */
const waiting = new WeakMap<
  IncomingMessage,
  { readonly response: ServerResponse; readonly keepAlive: boolean }
>()

/**
 * Holds "100 Continue" back until somebody wants the body: a refusal then costs the client no upload. The connection
 * closes after such a refusal, as the next bytes on it could be the body or the next request.
 */
export function holdContinue(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, { response, keepAlive: response.shouldKeepAlive })
  response.shouldKeepAlive = false
}

/** Somebody wants the body now. */
export function releaseContinue(request: IncomingMessage): void {
  const held = waiting.get(request)
  if (!held) return
  waiting.delete(request)
  held.response.shouldKeepAlive = held.keepAlive
  held.response.writeContinue()
}
