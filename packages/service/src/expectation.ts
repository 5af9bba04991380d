import type { IncomingMessage, ServerResponse } from 'node:http'

/** Requests whose client waits for "100 Continue". */
const waiting = new WeakMap<
  IncomingMessage,
  { readonly response: ServerResponse; readonly keepAlive: boolean }
>()

/**
 * Delays "100 Continue" until the body is needed, so that a refusal costs the client no upload. After a refusal the
 * connection closes, because the next bytes could be the body or the next request.
 */
export function deferContinue(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, { response, keepAlive: response.shouldKeepAlive })
  response.shouldKeepAlive = false
}

/** Call it when the body is needed. */
export function sendContinue(request: IncomingMessage): void {
  const held = waiting.get(request)
  if (!held) return
  waiting.delete(request)
  held.response.shouldKeepAlive = held.keepAlive
  held.response.writeContinue()
}
