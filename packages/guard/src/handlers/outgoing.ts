import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { formatLineage, headers as names } from '@freshet/protocol'
import { currentCause, type Cause } from './cause.ts'

/** https://undici.nodejs.org/#/docs/api/DiagnosticsChannel: before the head of a request is written. */
const channel = 'undici:request:create'

/**
 * The headers by which a request tells a writer what it descends from; none outside of handlers. `fetch` sends them by
 * itself; add them by hand where requests go out in another way, as by `node:http`.
 */
export function lineageHeaders(): Readonly<Record<string, string>> {
  const cause = currentCause()
  return cause === undefined ? {} : headersOf(cause)
}

let hooks = 0

/** Makes `fetch`, and whatever else is built on undici, tell its cause, until it is disposed of. Costs nothing outside of handlers. */
export function hookFetch(): Disposable {
  if (hooks === 0) subscribe(channel, tellCause)
  hooks += 1
  let held = true
  return {
    [Symbol.dispose]: () => {
      if (!held) return
      held = false
      hooks -= 1
      if (hooks === 0) unsubscribe(channel, tellCause)
    },
  }
}

/** A request of undici, as far as it matters here. */
interface OutgoingRequest {
  readonly origin: unknown
  readonly headers: unknown
  addHeader(name: string, value: string): void
}

function tellCause(message: unknown): void {
  const cause = currentCause()
  const request = requestIn(message)
  if (cause === undefined || request === undefined || !cause.tells(String(request.origin))) return
  // By hand is fine too, and twice would be two values of one header.
  if (String(request.headers).toLowerCase().includes(names.cause)) return
  for (const [name, value] of Object.entries(headersOf(cause))) request.addHeader(name, value)
}

function headersOf({ lineage }: Cause): Readonly<Record<string, string>> {
  return { [names.hops]: String(lineage.length), [names.cause]: formatLineage(lineage) }
}

function requestIn(message: unknown): OutgoingRequest | undefined {
  const request: unknown =
    typeof message === 'object' && message !== null ? Reflect.get(message, 'request') : undefined
  return isRequest(request) ? request : undefined
}

function isRequest(value: unknown): value is OutgoingRequest {
  return typeof value === 'object' && value !== null && 'addHeader' in value && 'origin' in value
}
