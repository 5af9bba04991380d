import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server-core'
import { MongoMemoryReplSetStates } from 'mongodb-memory-server-core/lib/MongoMemoryReplSet.js'
import { MongoMemoryServerStates } from 'mongodb-memory-server-core/lib/MongoMemoryServer.js'
import type { MongoMemoryInstanceOpts } from 'mongodb-memory-server-core/lib/util/MongoInstance.js'
import { ResolveConfigVariables, setDefaultValue } from 'mongodb-memory-server-core/lib/util/resolveConfig.js'

// The version was asked for when the server was found; the library would ask again, in a child that Ctrl-C ends too.
setDefaultValue(ResolveConfigVariables.SYSTEM_BINARY_VERSION_CHECK, 'false')

/** Where the servers keep what they have. */
interface Place {
  /** The data has its set and its users already. */
  readonly kept: boolean
  readonly dbPath: string | undefined
}

const halfway = { doCleanup: false, force: false } as const

/* oxlint-disable no-underscore-dangle -- the library's own names */

/**
 * The library's set with four rules changed. A port is the one that was asked for and never a second choice, since a
 * set knows its members by address. Kept data already has its set and its users: the library would set the same
 * members again by force, which a server refuses while it is still reading them; it only has to elect its primary. The
 * members' key lies with the data, so that it does not stay in the system's folder when this process is killed. And a
 * start that fails only throws: the library would print stacks of its own code too.
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
    // The library looks for a file of this name in the folder that is returned.
    await writeFile(join(dbPath, 'keyfile'), auth.keyfileContent ?? '', { mode: 0o600 })
    return dbPath
  }
}

/** One member; see `Servers` for why it starts by itself. */
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
