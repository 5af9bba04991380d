import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Where to send a request and how often. */
export interface Load {
  readonly port: number
  readonly request: Buffer
  readonly connections: number
  readonly count: number
  /** The exact length of every response, in bytes; used to find its end. */
  readonly answerBytes: number
}

const created = Buffer.from('HTTP/1.1 201 ')

/** Sends the request over keep-alive connections, one at a time on each. Resolves when all were answered. */
export async function runLoad({ port, request, connections, count, answerBytes }: Load): Promise<void> {
  let sent = 0
  const runOne = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await once(socket, 'connect')
    while (sent < count) {
      sent++
      await exchange(socket, request, answerBytes)
    }
    socket.destroy()
  }
  await Promise.all(Array.from({ length: connections }, runOne))
}

function exchange(socket: Socket, request: Buffer, answerBytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let have = 0
    const take = (chunk: Buffer): void => {
      have += chunk.length
      const starts = have === chunk.length
      if (starts && !chunk.subarray(0, created.length).equals(created))
        reject(new Error(`not 201: ${chunk.subarray(0, 200).toString()}`))
      if (have > answerBytes) reject(new Error('an answer is longer than the others'))
      if (have < answerBytes) return
      socket.off('data', take)
      resolve()
    }
    socket.on('data', take)
    socket.write(request)
  })
}
