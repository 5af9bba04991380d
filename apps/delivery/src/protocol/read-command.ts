import type { Command, ConnectRequest, HistoryRequest, RefusedMethod, StreamPosition } from './command.ts'
import { ProtocolFault } from './fault.ts'

type Fields = Readonly<Record<string, unknown>>

const MAX_ID = 2 ** 32 - 1
const MAX_CHANNELS = 128

/** Fields beside the method that other clients send. */
const beside = new Set(['id'])

const refused: readonly string[] = [
  'publish',
  'rpc',
  'presence',
  'presence_stats',
  'sub_refresh',
] satisfies readonly RefusedMethod[]

/** Checks one command. Fields it does not know are ignored. @throws {ProtocolFault} it is not a command. */
export function readCommand(value: unknown): Command {
  const fields = objectOf(value, 'a command')
  const methods = Object.keys(fields).filter((key) => !beside.has(key) && fields[key] !== undefined)
  if (methods.length === 0 && fields['id'] === undefined) return { method: 'pong' }
  if (methods.length !== 1) throw new ProtocolFault('expected one method in a command')
  const [method = ''] = methods
  if (method === 'send') return { method }
  const id = fields['id']
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 1 || id > MAX_ID)
    throw new ProtocolFault(`expected an id from 1 to ${MAX_ID}`)
  return withId(id, method, objectOf(fields[method], method))
}

function withId(id: number, method: string, request: Fields): Command {
  switch (method) {
    case 'connect':
      return { method, id, request: connectOf(request) }
    case 'refresh':
      return { method, id, token: textOf(request, 'token') }
    case 'subscribe':
    case 'unsubscribe':
      return { method, id, channel: textOf(request, 'channel') }
    case 'history':
      return { method, id, request: historyOf(request) }
    default:
      return { method: isRefused(method) ? method : 'unknown', id }
  }
}

function isRefused(method: string): method is RefusedMethod {
  return refused.includes(method)
}

function connectOf(request: Fields): ConnectRequest {
  const subs = Object.entries(optionalObject(request, 'subs') ?? {})
  if (subs.length > MAX_CHANNELS) throw new ProtocolFault(`expected at most ${MAX_CHANNELS} channels in subs`)
  return {
    token: textOf(request, 'token'),
    subs: new Map(subs.map(([channel, sub]) => [channel, recoveryOf(objectOf(sub, 'a subscription'))])),
    since: sinceOf(request['data']),
  }
}

function recoveryOf(sub: Fields): StreamPosition | undefined {
  return sub['recover'] === true ? positionOf(sub) : undefined
}

/** The application's own data may be anything; only a well-formed `since` counts. */
function sinceOf(data: unknown): StreamPosition | undefined {
  const since = isObject(data) ? data['since'] : undefined
  if (!isObject(since)) return undefined
  const { epoch, offset } = since
  return typeof epoch === 'string' && isOffset(offset) ? { epoch, offset } : undefined
}

function historyOf(request: Fields): HistoryRequest {
  const { limit = 0, reverse = false } = request
  if (typeof limit !== 'number' || !Number.isInteger(limit)) throw new ProtocolFault('expected a whole limit')
  if (typeof reverse !== 'boolean') throw new ProtocolFault('expected reverse to be true or false')
  const since = optionalObject(request, 'since')
  return { channel: textOf(request, 'channel'), limit, since: since && positionOf(since), reverse }
}

/** SDKs leave out an offset of 0 and an empty epoch. */
function positionOf(fields: Fields): StreamPosition {
  const { offset = 0 } = fields
  if (!isOffset(offset)) throw new ProtocolFault('expected an offset that is a whole number, 0 or more')
  return { epoch: textOf(fields, 'epoch'), offset }
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** A text, empty when it is left out. */
function textOf(fields: Fields, name: string): string {
  const value = fields[name] ?? ''
  if (typeof value !== 'string') throw new ProtocolFault(`expected ${name} to be a text`)
  return value
}

function optionalObject(fields: Fields, name: string): Fields | undefined {
  const value = fields[name]
  return value === undefined || value === null ? undefined : objectOf(value, name)
}

function objectOf(value: unknown, what: string): Fields {
  if (!isObject(value)) throw new ProtocolFault(`expected ${what} to be an object`)
  return value
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
