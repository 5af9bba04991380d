import { AsyncResource } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { formatLineage, headers as names } from '@freshet/protocol'
import { currentCause, type Cause } from './cause.ts'
import { Dispatchers } from './dispatchers.ts'
import { hearingStarts } from './unseen-starts.ts'

/** A request before its head is written, as far as it matters here. */
interface Outgoing {
  /** `http://writer:8080` */
  readonly origin: string
  /** Why it was made, if that can be known for certain. */
  readonly cause: Cause | undefined
  /** In place of what was said by hand. */
  put(name: string, value: string): void
}

/** Where a runtime tells of such requests, and how each looks there. */
const channels: Readonly<Record<string, (request: object) => Outgoing | undefined>> = {
  // https://undici.nodejs.org/#/docs/api/DiagnosticsChannel: clients and pools of a copy of undici that nobody else uses.
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

const hearing = [
  ...hearingStarts,
  ...Object.entries(channels).map(
    ([channel, read]) => [channel, (message: unknown) => tellCause(message, read)] as const,
  ),
]
let hooks = 0
let dispatchers: Dispatchers | undefined

/** Makes requests tell their cause, until it is disposed of. Costs next to nothing outside of handlers. */
export function hookRequests(): Disposable {
  if (hooks === 0) {
    dispatchers = new Dispatchers(toldTo)
    for (const [channel, hear] of hearing) subscribe(channel, hear)
  }
  hooks += 1
  let held = true
  return {
    [Symbol.dispose]: () => {
      if (!held) return
      held = false
      hooks -= 1
      if (hooks > 0) return
      for (const [channel, hear] of hearing) unsubscribe(channel, hear)
      dispatchers?.restore()
      dispatchers = undefined
    },
  }
}

/** To be called before a handler runs: the program may have set another agent since. */
export function lookForAgents(): void {
  dispatchers?.lookAround()
}

function tellCause(message: unknown, read: (request: object) => Outgoing | undefined): void {
  if (typeof message !== 'object' || message === null) return
  const request: unknown = Reflect.get(message, 'request')
  const outgoing = typeof request === 'object' && request !== null ? read(request) : undefined
  if (outgoing?.cause === undefined) return
  for (const [name, value] of Object.entries(toldTo(outgoing.cause, outgoing.origin)))
    outgoing.put(name, value)
}

function toldTo(cause: Cause, origin: string): Readonly<Record<string, string>> {
  return cause.tells(origin) ? headersOf(cause) : {}
}

function headersOf({ lineage }: Cause): Readonly<Record<string, string>> {
  return { [names.hops]: String(lineage.length), [names.cause]: formatLineage(lineage) }
}

/**
 * It may have waited in a queue, and the code that runs now belongs to a connection. `request`, `stream` and `pipeline` of
 * undici remember their caller; of others nothing is known here, and what is guessed would stop honest writes.
 */
function ofUndici(request: object): Outgoing | undefined {
  if (!('addHeader' in request) || !('origin' in request) || !('headers' in request)) return undefined
  const caller = Object.getOwnPropertySymbols(request)
    .filter(({ description }) => description === 'handler')
    .map((symbol): unknown => Reflect.get(request, symbol))
    .find((handler) => handler instanceof AsyncResource)
  return {
    origin: String(request.origin),
    cause: caller?.runInAsyncScope(currentCause),
    put: (name, value) => {
      Reflect.set(request, 'headers', headersWithout(Reflect.get(request, 'headers'), name))
      call(request, 'addHeader', name, value)
    },
  }
}

/** Node.js tells of it before an agent may queue it. */
function ofHttp(request: object): Outgoing | undefined {
  if (!('setHeader' in request) || !('getHeader' in request) || !('protocol' in request)) return undefined
  return {
    origin: `${String(request.protocol)}//${String(call(request, 'getHeader', 'host'))}`,
    cause: currentCause(),
    put: (name, value) => call(request, 'setHeader', name, value),
  }
}

/** A list of names and values in turns; in undici 5 the text of the head. */
function headersWithout(headers: unknown, name: string): unknown {
  if (typeof headers === 'string') return headers.replace(new RegExp(`^${name}:.*\\r\\n`, 'gim'), '')
  if (!Array.isArray(headers)) return headers
  return headers.filter((_, index) => String(headers[index - (index % 2)]).toLowerCase() !== name)
}

/** A method of an object of the runtime, which has no types here. */
function call(object: object, method: string, ...given: readonly string[]): unknown {
  const own: unknown = Reflect.get(object, method)
  return typeof own === 'function' ? Reflect.apply(own, object, given) : undefined
}
