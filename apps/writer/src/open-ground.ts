import { Backoff, type Part } from '@freshet/kit'
import type { ServiceTools } from '@freshet/service'
import type { WriterConfig } from './options.ts'
import { CollectionKinds } from './store/collection-kinds.ts'
import { DatabaseConnection } from './store/connection.ts'
import type { ControlStore, WriteStore } from './store/contract.ts'
import { MongoControlStore } from './store/control-store.ts'
import { kindOf } from './store/definitions.ts'
import { ExplainingStore } from './store/explaining-store.ts'
import { laterPosition } from './store/later-position.ts'
import { databaseOf } from './store/database-of.ts'
import { LookRoom } from './store/look-room.ts'
import { MongoStore } from './store/mongo-store.ts'
import { isUnknownUser, missingRight } from './store/rights.ts'

/** What the HTTP door stands before. */
export interface Ground {
  readonly store: WriteStore
  readonly control: ControlStore
  /** Calls the listener before a connection takes the place of one that broke: it may lead to another server. */
  readonly onBroken: (listener: () => void) => void
  /**
   * What the user lacks to write these collections, in words; `undefined`: nothing, or the database cannot be asked now,
   * which keeps no writer from starting.
   */
  readonly missingRight: (collections: Iterable<string>) => Promise<string | undefined>
  readonly connection: Pick<DatabaseConnection, 'state' | 'renewals'>
  /** What must run before all else and be stopped last. */
  readonly parts: readonly Part[]
}

/** What a ground is opened with. */
export interface GroundTools extends Pick<ServiceTools, 'clock' | 'log'> {
  readonly inFlight: Pick<ServiceTools['inFlight'], 'budget'>
}

/** How often a write that meets another one is tried again, and the waits between. */
const RETRIES = 5
const PAUSES = { firstMs: 4, maxMs: 100 }

/** Of all bytes under way. */
const LOOKS_SHARE = 1 / 4
const LARGE_LOOKS_SHARE = 1 / 2

/** Opens what a writer stands on. It connects when it is first used. @throws {ConfigError} */
export function openGround(config: WriterConfig, { clock, log, inFlight }: GroundTools): Ground {
  const { mongodbUri: uri, database, maxWrites, acknowledgeWithinMs } = config
  const connection = new DatabaseConnection({ uri, maxWrites, acknowledgeWithinMs, clock, log })
  const retries = { times: RETRIES, pauses: () => new Backoff(PAUSES, Math.random), clock }
  const times = laterPosition({ connection, database, acknowledgeWithinMs })
  const later = () => times.ask()
  const { budget } = inFlight
  const looks = {
    small: budget.part('looks', budget.maxBytes * LOOKS_SHARE),
    large: budget.part('large_looks', budget.maxBytes * LARGE_LOOKS_SHARE),
    maxLargeWaiting: Math.floor(maxWrites / 2),
  }
  const room = new LookRoom(looks)
  return {
    store: new ExplainingStore(
      new MongoStore({ connection, database, acknowledgeWithinMs, retries, later, room }),
      new CollectionKinds(
        async (collection) => await kindOf(databaseOf(connection.writes, database), collection),
        clock,
      ),
    ),
    control: new MongoControlStore(connection, database, acknowledgeWithinMs),
    onBroken: (listener) => connection.onBroken(listener),
    missingRight: async (collections) => {
      try {
        await connection.ready()
        return await missingRight(connection.control, database, collections)
      } catch (err) {
        if (isUnknownUser(err)) return 'the server knows no such user with this password'
        log.warn({ err }, 'the rights of the user cannot be looked at now')
        return undefined
      }
    },
    connection,
    parts: [connection],
  }
}
