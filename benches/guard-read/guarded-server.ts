/** Reads through the guard. */
import { openReadConnection } from '@freshet/guard'
import { database, findOne, serve } from './world.ts'

const silent = (): void => undefined
const log = { debug: silent, info: silent, warn: silent, error: silent }

serve(async (uri) => {
  const connection = await openReadConnection({ uri, database, appName: 'bench', log })
  return async (id) => {
    const reply = await connection.run(findOne(id), { raw: 'batches' })
    return reply['cursor'].firstBatch
  }
})
