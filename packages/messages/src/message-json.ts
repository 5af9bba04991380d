import type { Message } from './contract.ts'

/**
 * A message as clients get it, as JSON text.
 * @param bodyJson the JSON text of its body, which becomes part of the result as it is; `undefined`: it has none.
 */
export function messageJson(message: Omit<Message, 'body'>, bodyJson: string | undefined): string {
  const { id, clientId, conv, seq, from, to, atMs, type, ref } = message
  const at = new Date(atMs).toISOString()
  const json = JSON.stringify({ id, clientId, conv, seq, from, to, at, type, ref })
  return bodyJson === undefined ? json : `${json.slice(0, -1)},"body":${bodyJson}}`
}
