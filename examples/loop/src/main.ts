import { ownClient } from './own-client.ts'
import { openStamper } from './stamper.ts'
import { throughWriter } from './through-writer.ts'

const { MONGODB_URI, WRITE_URI, WRITER_URL, TOKEN = '', DATABASE = 'shop' } = process.env
if (MONGODB_URI === undefined || (WRITE_URI === undefined && WRITER_URL === undefined))
  throw new Error(
    'expected MONGODB_URI of a reader, and WRITE_URI of a writer or WRITER_URL and TOKEN for the writer API',
  )
const stamp =
  WRITER_URL === undefined ? ownClient(WRITE_URI ?? '', DATABASE).stamp : throughWriter(WRITER_URL, TOKEN)
const stamper = await openStamper({
  uri: MONGODB_URI,
  database: DATABASE,
  writers: WRITER_URL === undefined ? [] : [new URL(WRITER_URL).origin],
  stamp: (id, context) =>
    stamp(id, context).catch((error: unknown) => {
      process.stdout.write(`${String(error)}\n`)
    }),
  onRefusal: () => process.stdout.write(`${JSON.stringify(stamper.handlers())}\n`),
})
process.stdout.write('change an order, and see\n')
