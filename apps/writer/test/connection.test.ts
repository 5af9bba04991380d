import { expect, test } from '@jest/globals'
import { systemClock } from '@freshet/kit'
import { silentLog } from '@freshet/testkit'
import { DatabaseConnection } from '../src/store/mongodb/connection.ts'

test.each([100, 5_000, 30_000])(
  'a silent server is not given up on before a write has had its %i ms',
  async (acknowledgeWithinMs) => {
    const uri = 'mongodb://127.0.0.1:1'
    const own = { clock: systemClock, log: silentLog }
    const connection = new DatabaseConnection({
      uri,
      databases: 1,
      maxWrites: 1,
      acknowledgeWithinMs,
      ...own,
    })
    for (const { options } of [connection.writes, connection.control]) {
      const { connectTimeoutMS, socketTimeoutMS } = options
      expect(connectTimeoutMS).toBeGreaterThanOrEqual(acknowledgeWithinMs)
      expect(socketTimeoutMS).toBeGreaterThan(acknowledgeWithinMs)
      // Connecting takes longer than a short limit for writes.
      expect(connectTimeoutMS).toBeGreaterThanOrEqual(2_000)
    }
    await connection.stop()
  },
)
