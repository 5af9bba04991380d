import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Centrifuge } from 'centrifuge'
import { Centrifuge as Centrifuge57 } from 'centrifuge-5-7'
import { WebSocket, WebSocketServer } from 'ws'

/** The offsets of each frame that the server sends in one write. */
const burst = [[2], [3, 4], [5]]
const single = [[2], [3], [4], [5]]

let server: WebSocketServer
let url: string
let frames: readonly (readonly number[])[]

/** A server of its own: what it sends is exactly known, and all of it arrives in one read. */
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket, { socket: raw }) => {
    socket.once('message', (data: Buffer) => {
      const { id } = JSON.parse(data.toString()) as { readonly id: number }
      const subs = { '#ann': { recoverable: true, positioned: true, epoch: 'e', offset: 1 } }
      raw.cork()
      socket.send(JSON.stringify({ id, connect: { client: 'c', version: '1', ping: 25, pong: true, subs } }))
      for (const offsets of frames) socket.send(offsets.map(push).join('\n'))
      raw.uncork()
    })
  })
  await once(server, 'listening')
  const address = server.address()
  url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
})
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())))

function push(offset: number): string {
  return JSON.stringify({ push: { channel: '#ann', pub: { offset, data: {} } } })
}

test.each([
  { sdk: '5.8.0', Client: Centrifuge, sent: burst, heard: [2, 3, 4, 5] },
  { sdk: '5.8.0', Client: Centrifuge, sent: single, heard: [2, 3, 4, 5] },
  { sdk: '5.7.4', Client: Centrifuge57, sent: single, heard: [2, 3, 4, 5] },
  { sdk: '5.7.4', Client: Centrifuge57, sent: burst, heard: [2, 3, 5, 4] },
])('D55 npm centrifuge $sdk hears $heard of the frames $sent', async ({ Client, sent, heard }) => {
  frames = sent
  const client = new Client(url, { websocket: WebSocket })
  try {
    const offsets = await new Promise((resolve) => {
      const soFar: (number | undefined)[] = []
      client.on('publication', ({ offset }: { readonly offset?: number }) => {
        if (soFar.push(offset) === sent.flat().length) resolve(soFar)
      })
      client.connect()
    })
    expect(offsets).toEqual(heard)
  } finally {
    client.disconnect()
  }
})
