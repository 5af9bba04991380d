/** What a team would write by hand: `watch`, a token in the first frame, and npm `ws`; no recovery, no acknowledgements. */
import { jwtVerify } from 'jose'
import { messagesDatabase } from '@freshet/mongodb-rules'
import { MongoClient, type Document } from 'mongodb'
import { WebSocketServer, type WebSocket } from 'ws'
import { answerQuestions } from './server.ts'
import { secret } from '../shared/tokens.ts'
import { database, plainCollection } from './world.ts'

interface Message extends Document {
  readonly from: string
  readonly to: { readonly group: string } | { readonly users: readonly string[] }
}

const [uri = ''] = process.argv.slice(2)
const key = new TextEncoder().encode(secret)
const sockets = new Map<string, Set<WebSocket>>()
const pingEveryMs = 25_000

async function admit(webSocket: WebSocket, frame: string): Promise<void> {
  const { connect }: { readonly connect: { readonly token: string } } = JSON.parse(frame)
  const { payload } = await jwtVerify(connect.token, key, { issuer: 'freshet', audience: 'freshet' })
  const user = payload.sub ?? ''
  const own = sockets.get(user) ?? new Set()
  sockets.set(user, own.add(webSocket))
  webSocket.on('close', () => {
    own.delete(webSocket)
    if (own.size === 0) sockets.delete(user)
  })
  webSocket.send('{"id":1,"connect":{}}')
}

function deliver({ fullDocument: message }: { readonly fullDocument: Message }): void {
  const text = JSON.stringify(message)
  const { from, to } = message
  // Everybody is a member of the group.
  const recipients = 'group' in to ? sockets.keys() : new Set([from, ...to.users])
  for (const user of recipients) for (const webSocket of sockets.get(user) ?? []) webSocket.send(text)
}

answerQuestions(async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, backlog: 4_096 })
  server.on('connection', (webSocket) => {
    webSocket.once('message', (data) => {
      if (Buffer.isBuffer(data)) admit(webSocket, data.toString()).catch(() => webSocket.close())
    })
    webSocket.on('error', () => undefined)
  })
  setInterval(() => {
    for (const webSocket of server.clients) webSocket.ping()
  }, pingEveryMs)
  const client = await MongoClient.connect(uri)
  const stream = client
    .db(messagesDatabase(database))
    .collection<Message>(plainCollection)
    .watch<Message>([{ $match: { operationType: 'insert' } }])
  stream.on('change', (change) => {
    if (change.operationType === 'insert') deliver(change)
  })
  stream.on('error', (error) => {
    throw error
  })
  // `watch` does not report when it has started.
  await new Promise((resolve) => setTimeout(resolve, 500))
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
})
