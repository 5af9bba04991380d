import { Backoff } from '@freshet/kit'
import type { ServiceTools } from '@freshet/service'
import type { WriterConfig } from '../../options.ts'
import { CollectionKinds } from './collection-kinds.ts'
import { DatabaseConnection } from './connection.ts'
import type { Backend } from '../contract.ts'
import { MongoControlStore } from './control-documents.ts'
import { kindOf } from './definitions.ts'
import { ExplainingStore } from './explaining-store.ts'
import { laterPosition } from './later-position.ts'
import { databaseOf } from './database-of.ts'
import { LookRoom } from './look-room.ts'
import { MongoStore } from './store.ts'
import { isUnknownUser, missingRight } from './rights.ts'

/** What a backend is opened with. */
export interface BackendTools extends Pick<ServiceTools, 'clock' | 'log'> {
  readonly inFlight: Pick<ServiceTools['inFlight'], 'budget'>
}

/** How often a write that meets another one is tried again, and the waits between. */
const RETRIES = 5
const PAUSES = { firstMs: 4, maxMs: 100 }

/** Of all bytes under way. */
const LOOKS_SHARE = 1 / 4
const LARGE_LOOKS_SHARE = 1 / 2

/** The backend of a MongoDB database. It connects when it is first used. @throws {ConfigError} */
export function openMongodb(config: WriterConfig, { clock, log, inFlight }: BackendTools): Backend {
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
