import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { formatLineage, headers as names } from '@freshet/protocol'
import { currentCause, type Cause } from './cause.ts'

/** A request before its head is written, as far as it matters here. */
interface Outgoing {
  /** `http://writer:8080` */
  readonly origin: string
  readonly says: boolean
  add(name: string, value: string): void
}

/** Where a runtime tells of such requests, and how each looks there. */
const channels: Readonly<Record<string, (request: object) => Outgoing | undefined>> = {
  // https://undici.nodejs.org/#/docs/api/DiagnosticsChannel: `fetch`, and whatever else is built on undici.
  'undici:request:create': ofUndici,
  // https://nodejs.org/api/diagnostics_channel.html: node:http, from Node.js 22.12 on; before that nothing tells.
  'http.client.request.created': ofHttp,
}

/**
 * The headers by which a request tells a writer what it descends from; none outside of handlers. `fetch` sends them by
 * itself; add them by hand where requests go out in another way, as by `node:http` before Node.js 22.12.
 */
export function lineageHeaders(): Readonly<Record<string, string>> {
  const cause = currentCause()
  return cause === undefined ? {} : headersOf(cause)
}

const hearing = Object.entries(channels).map(
  ([channel, read]) => [channel, (message: unknown) => tellCause(message, read)] as const,
)
let hooks = 0

/** Makes requests tell their cause, until it is disposed of. Costs nothing outside of handlers. */
export function hookRequests(): Disposable {
  if (hooks === 0) for (const [channel, hear] of hearing) subscribe(channel, hear)
  hooks += 1
  let held = true
  return {
    [Symbol.dispose]: () => {
      if (!held) return
      held = false
      hooks -= 1
      if (hooks === 0) for (const [channel, hear] of hearing) unsubscribe(channel, hear)
    },
  }
}

function tellCause(message: unknown, read: (request: object) => Outgoing | undefined): void {
  const cause = currentCause()
  if (cause === undefined || typeof message !== 'object' || message === null) return
  const request: unknown = Reflect.get(message, 'request')
  const outgoing = typeof request === 'object' && request !== null ? read(request) : undefined
  // By hand is fine too, and twice would be two values of one header.
  if (outgoing === undefined || outgoing.says || !cause.tells(outgoing.origin)) return
  for (const [name, value] of Object.entries(headersOf(cause))) outgoing.add(name, value)
}

function headersOf({ lineage }: Cause): Readonly<Record<string, string>> {
  return { [names.hops]: String(lineage.length), [names.cause]: formatLineage(lineage) }
}

function ofUndici(request: object): Outgoing | undefined {
  if (!('addHeader' in request) || !('origin' in request) || !('headers' in request)) return undefined
  return {
    origin: String(request.origin),
    says: String(request.headers).toLowerCase().includes(names.cause),
    add: (name, value) => call(request, 'addHeader', name, value),
  }
}

function ofHttp(request: object): Outgoing | undefined {
  if (!('setHeader' in request) || !('getHeader' in request) || !('protocol' in request)) return undefined
  return {
    origin: `${String(request.protocol)}//${String(call(request, 'getHeader', 'host'))}`,
    says: call(request, 'getHeader', names.cause) !== undefined,
    add: (name, value) => call(request, 'setHeader', name, value),
  }
}

/** A method of an object of the runtime, which has no types here. */
function call(object: object, method: string, ...given: readonly string[]): unknown {
  const own: unknown = Reflect.get(object, method)
  return typeof own === 'function' ? Reflect.apply(own, object, given) : undefined
}
