import { isHttpOrigin } from '@freshet/handlers'
import { storedNameFault } from '@freshet/mongodb-rules'
import { addressFault, isPostgresAddress, tableNameFault } from '@freshet/postgres-rules'
import { isHandlerName, placesOf, type CollectionPlace } from '@freshet/protocol'
import { defaultReplicaOptions, ReplicaError } from '@freshet/replica'
import { asDocuments } from './mongodb/as-documents.ts'
import type { OpenReplicaOptions } from './open-replica.ts'
import { asRows } from './postgres/as-rows.ts'

/** The longest delay of a Node.js timer; anything above fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

const idTypes: readonly unknown[] = ['string', 'objectid', 'integer', 'uuid']

/** All options, and whether they are required. */
const known: Readonly<Record<keyof OpenReplicaOptions<never>, 'required' | 'optional'>> = {
  uri: 'required',
  database: 'required',
  collections: 'required',
  encoder: 'required',
  options: 'optional',
  timeline: 'optional',
  publication: 'optional',
  liveWithinMs: 'optional',
  handlers: 'optional',
  log: 'optional',
}

type Members = Readonly<Record<string, unknown>>

/**
 * Validates the options before anything is opened, for callers without a compiler.
 * @returns the collections by name.
 * @throws {ReplicaError} BAD_OPTION, which names the option.
 */
export function checkGiven(given: object): ReadonlyMap<string, CollectionPlace> {
  const members = membersOf('the argument of openReplica', given)
  onlyNames('openReplica', members, Object.keys(known))
  for (const name of ['uri', 'database'] as const) textAt(members, name)
  methodsAt(members, 'encoder', ['encode', 'sizeOf'])
  if (members['log'] !== undefined) methodsAt(members, 'log', ['debug', 'info', 'warn', 'error'])
  for (const name of ['timeline', 'publication'] as const)
    if (members[name] !== undefined) textAt(members, name)
  checkKind(members)
  const { liveWithinMs = 1, handlers, options } = members
  limitAt('liveWithinMs', liveWithinMs)
  if (options !== undefined) checkLimits(membersOf('options', options))
  if (handlers !== undefined) checkHandlers(membersOf('handlers', handlers))
  const nameFault = isPostgres(members['uri']) ? tableNameFault : storedNameFault
  return collectionsOf(membersOf('collections', members['collections']), nameFault)
}

const isPostgres = (uri: unknown): boolean => typeof uri === 'string' && isPostgresAddress(uri)

/** Options that only one kind of database has. */
function checkKind({ uri, encoder, timeline, publication }: Members): void {
  const other = isPostgres(uri) ? 'MongoDB' : 'PostgreSQL'
  const name = isPostgres(uri) ? 'timeline' : 'publication'
  if ((isPostgres(uri) ? timeline : publication) !== undefined)
    throw new ReplicaError('BAD_OPTION', `${name}: expected none: it is an option for ${other}`)
  // Without the address, which may contain a password.
  const fault = isPostgres(uri) ? addressFault(String(uri)) : undefined
  if (fault !== undefined) throw new ReplicaError('BAD_OPTION', `uri: ${fault}`)
  if (encoder === (isPostgres(uri) ? asDocuments : asRows))
    throw new ReplicaError(
      'BAD_OPTION',
      isPostgres(uri)
        ? 'encoder: expected asRows: asDocuments is for MongoDB'
        : 'encoder: expected asDocuments: asRows is for PostgreSQL',
    )
}

function collectionsOf(
  given: Members,
  nameFault: (stored: string) => string | undefined,
): ReadonlyMap<string, CollectionPlace> {
  const collections = new Map<string, CollectionPlace>()
  for (const [name, place] of Object.entries(given))
    collections.set(name, placeAt(`collections.${name}`, place))
  if (collections.size === 0) throw bad('collections', 'at least one collection', {})
  try {
    placesOf(collections, nameFault)
  } catch (error) {
    if (error instanceof TypeError) throw new ReplicaError('BAD_OPTION', `collections: ${error.message}`)
    throw error
  }
  return collections
}

function placeAt(name: string, place: unknown): CollectionPlace {
  if (isIdType(place)) return place
  const wanted = `one of ${idTypes.map((type) => `'${String(type)}'`).join(', ')}, or { idType, stored }`
  if (typeof place !== 'object' || place === null) throw bad(name, wanted, place)
  const { idType, stored } = membersOf(name, place)
  if (!isIdType(idType)) throw bad(`${name}.idType`, wanted, idType)
  if (typeof stored !== 'string')
    throw bad(`${name}.stored`, 'the name of a collection in the database', stored)
  return { idType, stored }
}

function isIdType(value: unknown): value is Extract<CollectionPlace, string> {
  return idTypes.includes(value)
}

function checkLimits(given: Members): void {
  onlyNames('options', given, Object.keys(defaultReplicaOptions))
  for (const [name, value] of Object.entries(given)) {
    if (name !== 'retry') limitAt(`options.${name}`, value)
    else {
      const retry = membersOf('options.retry', value)
      for (const inner of ['firstMs', 'maxMs']) limitAt(`options.retry.${inner}`, retry[inner])
    }
  }
}

function limitAt(name: string, value: unknown): void {
  const max = name.endsWith('Ms') ? MAX_TIMER_MS : Number.MAX_SAFE_INTEGER
  if (typeof value !== 'number' || !(value >= 0 && value <= max))
    throw bad(name, `a number from 0 to ${max}`, value)
}

function checkHandlers({ service, writers = [] }: Members): void {
  if (typeof service !== 'string' || !isHandlerName(`${service}/x`))
    throw bad(
      'handlers.service',
      'a name of 1 to 32 characters of a-z 0-9 _ -, starting with a letter',
      service,
    )
  if (!Array.isArray(writers)) throw bad('handlers.writers', 'a list of origins', writers)
  const wrong: unknown = writers.find((writer) => typeof writer !== 'string' || !isHttpOrigin(writer))
  if (wrong !== undefined) throw bad('handlers.writers', "origins such as 'http://writer:8080'", wrong)
}

function onlyNames(of: string, given: Members, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new ReplicaError('BAD_OPTION', `${of}: expected one of ${names.join(', ')}, got '${unknown}'`)
}

function textAt(given: Members, name: string): void {
  const value = given[name]
  if (typeof value !== 'string' || value === '') throw bad(name, 'a non-empty string', value)
}

function methodsAt(given: Members, name: string, methods: readonly string[]): void {
  const object = given[name]
  const has = (method: string): boolean =>
    typeof object === 'object' && object !== null && typeof Reflect.get(object, method) === 'function'
  if (!methods.every(has)) throw bad(name, `an object with the functions ${methods.join(', ')}`, object)
}

function membersOf(name: string, value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(name, 'an object', value)
  return Object.fromEntries(Object.entries(value))
}

function bad(name: string, wanted: string, got: unknown): ReplicaError {
  const shown =
    typeof got === 'string' ? JSON.stringify(got.slice(0, 80)) : typeof got === 'number' ? got : kindOf(got)
  return new ReplicaError('BAD_OPTION', `${name}: expected ${wanted}, got ${shown}`)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}
