import { openReader } from '@freshet/reader'
import { openWriter } from '@freshet/writer'
import { createServer } from 'node:http'
import { readerInNode } from './reader-in-node.ts'
import { writerInExpress } from './writer-in-express.ts'

const { READER_URI, WRITER_URI, TOKEN_SECRET, DATABASE = 'shop', COLLECTIONS = 'collections' } = process.env
if (READER_URI === undefined || WRITER_URI === undefined || TOKEN_SECRET === undefined)
  throw new Error('expected READER_URI and WRITER_URI, the addresses of both users, and TOKEN_SECRET')
const common = { database: DATABASE, collections: COLLECTIONS, 'token-secret': TOKEN_SECRET }
const reader = await openReader({ settings: { ...common, 'mongodb-uri': READER_URI } })
const writer = await openWriter({ settings: { ...common, 'mongodb-uri': WRITER_URI } })

const servers = [readerInNode(reader).listen(7601), createServer(writerInExpress(writer)).listen(7602)]
process.stdout.write('reads: http://127.0.0.1:7601/data, writes: http://127.0.0.1:7602/data\n')

process.once('SIGTERM', () => {
  for (const server of servers) server.close()
  void Promise.all([reader.close(), writer.close()])
})
