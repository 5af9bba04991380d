import { join } from 'node:path'
import { CliError } from '../errors.ts'
import { FileLock } from '../file-lock.ts'
import { readStateFile, stateFolderName } from '../state-folder.ts'
import type { Doors } from './child.ts'

/** Says what runs now, for the other commands; gone when it has ended. */
export const runningFile = 'running.json'

/** The run that wrote the file holds the lock of this one: a run that was killed leaves the file behind. */
export const runningLock = 'running.lock'

/** What a run of `freshet dev` offers; kept for the other commands in `.freshet/running.json`, mode 600. */
export interface RunningDev {
  readonly writer: Doors
  readonly readers: readonly Doors[]
  /** Address with a development-only user that may do everything. */
  readonly mongodb: string
  /** Address with the user of the readers. */
  readonly reader: string
  /** Address with the user that compares what readers say with the database; he only reads too. */
  readonly auditor: string
  readonly database: string
  /** Folder of the collection files. */
  readonly collections: string
  readonly token: string
  /** The private key that tokens are signed with. */
  readonly tokenKeyFile: string
}

/**
 * The run of `freshet dev` in the current folder, or nothing when none is there.
 * @throws {CliError} BAD_RUN_FILE: another version wrote the file, or a hand.
 */
export function readRunning(world: { readonly cwd: string }): RunningDev | undefined {
  const kept = readStateFile(world, runningFile)
  if (kept === undefined) return undefined
  if (!FileLock.isHeld(join(world.cwd, stateFolderName, runningLock))) return undefined
  const run = objectIn(parsed(kept), 'the file')
  return {
    writer: doorsIn(run['writer'], 'writer'),
    readers: listIn(run['readers'], 'readers').map((reader, at) => doorsIn(reader, `readers[${at}]`)),
    mongodb: textIn(run, 'mongodb'),
    reader: textIn(run, 'reader'),
    auditor: textIn(run, 'auditor'),
    database: textIn(run, 'database'),
    collections: textIn(run, 'collections'),
    token: textIn(run, 'token'),
    tokenKeyFile: textIn(run, 'tokenKeyFile'),
  }
}

type Fields = Readonly<Record<string, unknown>>

function parsed(kept: string): unknown {
  try {
    return JSON.parse(kept)
  } catch (cause) {
    throw unexpected('the file', 'JSON', cause)
  }
}

function doorsIn(value: unknown, place: string): Doors {
  const doors = objectIn(value, place)
  return {
    url: textIn(doors, 'url', `${place}.`),
    managementUrl: textIn(doors, 'managementUrl', `${place}.`),
  }
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
  if (typeof value !== 'string') throw unexpected(before + name, 'a text')
  return value
}

/** What came instead is not told: it may be a secret. */
function unexpected(place: string, wanted: string, cause?: unknown): CliError {
  const path = join(stateFolderName, runningFile)
  return new CliError('BAD_RUN_FILE', `in ${path} ${place} is not ${wanted}.`, { cause })
}
