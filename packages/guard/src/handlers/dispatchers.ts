import { runInThisContext } from 'node:vm'
import { headers as names } from '@freshet/protocol'
import { currentCause, type Cause } from './cause.ts'

/** What a request is told, by its cause and the origin that it goes to. */
export type Telling = (cause: Cause, origin: string) => Readonly<Record<string, string>>

type Method = (this: unknown, ...given: unknown[]) => unknown

/** Where all copies of undici in a process look for the agent that is used when none is named. */
const agentPlace = Symbol.for('undici.globalDispatcher.1')

/** The runtime's own `fetch` looks there too; a test runner gives its tests another `globalThis`. */
const runtime: unknown = runInThisContext('globalThis')

/** In the options of a request on its way: why it was made, and where to when that was told. It outlasts copies. */
const mark = Symbol('freshet.cause')

interface Mark {
  readonly cause: Cause | undefined
  readonly origin: string
}

/**
 * Adds headers to requests of undici where they are made, in `dispatch` of its agents. Later is too late: a pool with a
 * limit of connections queues what it was asked for, and builds the request when a connection is free. That happens in
 * the asynchronous context of the connection, which has the cause of whoever opened it.
 */
export class Dispatchers {
  readonly #telling: Telling
  readonly #replaced: (() => void)[] = []
  readonly #known = new WeakSet<object>()
  #lastUsual: unknown
  #active = true

  /** Begins at once. */
  constructor(telling: Telling) {
    this.#telling = telling
    // Loads undici if nobody did; the first `fetch` would do it otherwise, and go by an agent that is not known.
    if (usualAgent() === undefined) void valueOf(runtime, 'Headers')
    this.lookAround()
    this.#watchFetch()
  }

  /** Notices when the agent that is used by default is another one than before. Costs one look if it is not. */
  lookAround(): void {
    const usual = usualAgent()
    if (usual === this.#lastUsual) return
    this.#lastUsual = usual
    if (isObject(usual) && Object.hasOwn(usual, 'dispatch')) this.#replace(usual)
    this.#know(usual)
  }

  /** Leaves everything as it was found. */
  restore(): void {
    this.#active = false
    for (const restore of this.#replaced.toReversed()) restore()
  }

  /** Every copy of undici has classes of its own. */
  #know(agent: unknown): void {
    if (!isObject(agent)) return
    for (
      let proto: unknown = Object.getPrototypeOf(agent);
      isObject(proto);
      proto = Object.getPrototypeOf(proto)
    )
      if (Object.hasOwn(proto, 'dispatch')) this.#replace(proto)
  }

  #replace(owner: object): void {
    if (this.#known.has(owner)) return
    this.#known.add(owner)
    this.#put(owner, 'dispatch', (real, self, [options, ...rest]) =>
      real.call(self, this.#told(options), ...rest),
    )
  }

  /** An agent may be named in the call alone: `fetch(url, { dispatcher })`. */
  #watchFetch(): void {
    this.#put(globalThis, 'fetch', (real, self, given) => {
      this.#know(valueOf(given[1], 'dispatcher'))
      return real.apply(self, given)
    })
  }

  #put(owner: object, name: string, call: (real: Method, self: unknown, given: unknown[]) => unknown): void {
    const real = valueOf(owner, name)
    if (!isMethod(real)) return
    const isActive = (): boolean => this.#active
    const ours: Method = function (this: unknown, ...given) {
      return isActive() ? call(real, this, given) : real.apply(this, given)
    }
    for (const told of ['name', 'length'])
      Object.defineProperty(ours, told, { value: valueOf(real, told), configurable: true })
    // What cannot be replaced stays as it is; so does what somebody else has replaced since.
    if (!Reflect.set(owner, name, ours)) return
    this.#replaced.push(() => {
      if (valueOf(owner, name) === ours) Reflect.set(owner, name, real)
    })
  }

  /** Agents pass a request on to pools, and pools to clients: the first `dispatch` says the cause, all others keep it. */
  #told(options: unknown): unknown {
    if (!isObject(options)) return options
    const origin = originOf(valueOf(options, 'origin'))
    const before = markOf(options)
    // Sent on to another origin, or tried once more: made for the same cause still.
    if (before?.origin === origin) return options
    const cause = before === undefined ? currentCause() : before.cause
    // A pool of one origin need not name it. Who called it is found in another way then.
    const told = cause === undefined || origin === '' ? {} : this.#telling(cause, origin)
    return { ...options, ...headersWith(options, told, before), [mark]: { cause, origin } }
  }
}

function originOf(origin: unknown): string {
  if (origin instanceof URL) return origin.origin
  return typeof origin === 'string' ? origin : ''
}

function headersWith(
  options: object,
  told: Readonly<Record<string, string>>,
  before: Mark | undefined,
): { readonly headers?: unknown } {
  const added = Object.entries(told)
  if (added.length === 0 && before?.cause === undefined) return {}
  const headers = pairsOf(valueOf(options, 'headers'))
  const ours: ReadonlySet<string> = new Set([names.hops, names.cause])
  // What was said by hand is replaced: a handler cannot say that it is none, and twice would be two values of one header.
  const own = headers.filter(([name]) => !ours.has(String(name).toLowerCase()))
  return { headers: [...own, ...added].flat() }
}

/** Of each form that undici takes: a list of names and values in turns, pairs, an object. */
function pairsOf(headers: unknown): readonly (readonly [name: unknown, value: unknown])[] {
  if (!isObject(headers)) return []
  if (Array.isArray(headers))
    return Array.from({ length: headers.length / 2 }, (_, index) => [
      headers[2 * index],
      headers[2 * index + 1],
    ])
  if (Symbol.iterator in headers) return Array.from(Object(headers))
  return Object.entries(headers)
}

function markOf(options: object): Mark | undefined {
  const value = valueOf(options, mark)
  return isMark(value) ? value : undefined
}

function isMark(value: unknown): value is Mark {
  return isObject(value) && 'cause' in value && 'origin' in value
}

function usualAgent(): unknown {
  return valueOf(runtime, agentPlace)
}

function valueOf(value: unknown, name: PropertyKey): unknown {
  return isObject(value) ? Reflect.get(value, name) : undefined
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'function'
}
