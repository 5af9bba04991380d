import { join } from 'node:path'
import { CliError } from '../errors.ts'
import { FileLock } from '../file-lock.ts'
import { readStateFile, stateFolderName } from '../state-folder.ts'
import type { Endpoints } from './child.ts'
import { kindOf, type DatabaseKind } from './run-database.ts'

/** Describes the current run for other commands. Deleted when it ends. */
export const runningFile = 'running.json'

/** Locked by the run that wrote the file, because a killed run leaves the file behind. */
export const runningLock = 'running.lock'

/** Whose user an address has. `delivery` is empty if the database has no messages. */
type AddressUser = 'admin' | 'writer' | 'reader' | 'delivery' | 'auditor'

/** The content of `.freshet/running.json`, which has mode 600. */
export interface RunningDev {
  readonly writer: Endpoints
  readonly readers: readonly Endpoints[]
  readonly deliveries: readonly Endpoints[]
  readonly databaseKind: DatabaseKind
  /** Addresses of the database, each with another user. `admin` is for development only, `auditor` can only read. */
  readonly addresses: Readonly<Record<AddressUser, string>>
  readonly database: string
  /** Directory of the collection files. */
  readonly collections: string
  readonly token: string
  /** File with the private key that signs tokens. */
  readonly tokenKeyFile: string
}

/**
 * The run of `freshet dev` in the current directory, or `undefined` if there is none.
 * @throws {CliError} BAD_RUN_FILE: the file was written by another version or edited.
 */
export function readRunning(context: { readonly cwd: string }): RunningDev | undefined {
  const content = readStateFile(context, runningFile)
  if (content === undefined) return undefined
  if (!FileLock.isHeld(join(context.cwd, stateFolderName, runningLock))) return undefined
  const run = objectIn(parsed(content), 'the file')
  const services = {
    writer: endpointsIn(run['writer'], 'writer'),
    readers: servicesIn(run, 'readers'),
    deliveries: servicesIn(run, 'deliveries'),
  }
  const addresses = addressesIn(run)
  return {
    ...services,
    databaseKind: kindOf(addresses.admin),
    addresses,
    database: textIn(run, 'database'),
    collections: textIn(run, 'collections'),
    token: textIn(run, 'token'),
    tokenKeyFile: textIn(run, 'tokenKeyFile'),
  }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch (cause) {
    throw unexpected('the file', 'JSON', cause)
  }
}

function endpointsIn(value: unknown, place: string): Endpoints {
  const endpoints = objectIn(value, place)
  return {
    url: textIn(endpoints, 'url', `${place}.`),
    managementUrl: textIn(endpoints, 'managementUrl', `${place}.`),
  }
}

function addressesIn(run: Fields): RunningDev['addresses'] {
  const addresses = objectIn(run['addresses'], 'addresses')
  const of = (user: AddressUser): string => textIn(addresses, user, 'addresses.')
  return {
    admin: of('admin'),
    writer: of('writer'),
    reader: of('reader'),
    delivery: of('delivery'),
    auditor: of('auditor'),
  }
}

function servicesIn(run: Fields, name: 'readers' | 'deliveries'): readonly Endpoints[] {
  return listIn(run[name], name).map((service, at) => endpointsIn(service, `${name}[${at}]`))
}

function objectIn(value: unknown, place: string): Fields {
  if (typeof value !== 'object' || value === null) throw unexpected(place, 'an object')
  return { ...value }
}

function listIn(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw unexpected(place, 'a list')
  return value
}

function textIn(fields: Fields, name: string, before = ''): string {
  const value = fields[name]
  if (typeof value !== 'string') throw unexpected(before + name, 'a string')
  return value
}

/** The actual value is not included, because it may be a secret. */
function unexpected(place: string, wanted: string, cause?: unknown): CliError {
  const path = join(stateFolderName, runningFile)
  return new CliError('BAD_RUN_FILE', `in ${path}, ${place} is not ${wanted}.`, { cause })
}
