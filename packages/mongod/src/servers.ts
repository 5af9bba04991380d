import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server-core'
import { MongoMemoryReplSetStates } from 'mongodb-memory-server-core/lib/MongoMemoryReplSet.js'
import { MongoMemoryServerStates } from 'mongodb-memory-server-core/lib/MongoMemoryServer.js'
import type { MongoMemoryInstanceOpts } from 'mongodb-memory-server-core/lib/util/MongoInstance.js'
import { ResolveConfigVariables, setDefaultValue } from 'mongodb-memory-server-core/lib/util/resolveConfig.js'

// The version is known already. The library would start another child, which Ctrl-C would kill too.
setDefaultValue(ResolveConfigVariables.SYSTEM_BINARY_VERSION_CHECK, 'false')

/** Data directory of the servers. */
interface Place {
  /** The replica set and its users exist already. */
  readonly kept: boolean
  readonly dbPath: string | undefined
}

const halfway = { doCleanup: false, force: false } as const

/* oxlint-disable no-underscore-dangle -- names of the library */

/**
 * The library's replica set with four changes:
 * - Ports are never changed, because a replica set identifies its members by address.
 * - Existing data is not initiated again. The library would force a reconfiguration, which a server refuses during startup.
 * - The key file is stored with the data, so that it is not left behind if this process is killed.
 * - A failed start only throws. The library would also print stack traces.
 */
export class Servers extends MongoMemoryReplSet {
  readonly #place: Place

  constructor(place: Place, options: ConstructorParameters<typeof MongoMemoryReplSet>[0]) {
    super(options)
    this.#place = place
  }

  override async start(): Promise<void> {
    this.stateChange(MongoMemoryReplSetStates.init)
    try {
      await this.initAllServers()
      await this._initReplSet()
    } catch (error) {
      await this.stop(halfway)
      throw error
    }
  }

  protected override _initServer(instance: MongoMemoryInstanceOpts): MongoMemoryServer {
    const { auth, spawn } = this.replSetOpts
    return new Server({
      binary: this.binaryOpts,
      instance: { ...instance, portGeneration: false },
      ...(spawn === undefined ? {} : { spawn }),
      ...(typeof auth === 'object' ? { auth } : {}),
    })
  }

  protected override async _initReplSet(): Promise<void> {
    if (!this.#place.kept) return super._initReplSet()
    await this._waitForPrimary()
    this.stateChange(MongoMemoryReplSetStates.running)
  }

  protected override async ensureKeyFile(): Promise<string> {
    const { dbPath } = this.#place
    const { auth } = this.replSetOpts
    if (dbPath === undefined || typeof auth !== 'object') return super.ensureKeyFile()
    // The library looks for a file of this name in the returned directory.
    await writeFile(join(dbPath, 'keyfile'), auth.keyfileContent ?? '', { mode: 0o600 })
    return dbPath
  }
}

/** One member; `start` is overridden for the reason given at `Servers`. */
class Server extends MongoMemoryServer {
  override async start(forceSamePort?: boolean): Promise<void> {
    this.stateChange(MongoMemoryServerStates.starting)
    try {
      await this._startUpInstance(forceSamePort)
    } catch (error) {
      await this.stop(halfway)
      this.stateChange(MongoMemoryServerStates.stopped)
      throw error
    }
    this.stateChange(MongoMemoryServerStates.running)
  }
}
/* oxlint-enable no-underscore-dangle */
